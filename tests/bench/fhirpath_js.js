// Microseconds of the processor that fhirpath.js (argv[2] is the folder of its package) takes
// for each expression of the file argv[3], compiled, over the resource argv[4]:
// a line "expression<tab>microseconds" each, the best of several rounds.
'use strict';
const fs = require('fs');
const path = require('path');
const folder = path.resolve(process.argv[2]);
const fhirpath = require(folder);
const model = require(path.join(folder, 'fhir-context', 'r4'));
const resource = JSON.parse(fs.readFileSync(process.argv[4], 'utf8'));

// Of the processor, garbage collection included.
function cpuTime() {
	const used = process.cpuUsage();

	return used.user + used.system;
}

for (const expression of fs.readFileSync(process.argv[3], 'utf8').split('\n')) {
	if (!expression)
		continue;
	const program = fhirpath.compile(expression, model);
	let best = Infinity;

	for (let round = 0; round < 6; round++) {
		const start = cpuTime();
		let n = 0, now;

		do {
			for (let i = 0; i < 50; i++, n++)
				program(resource);
			now = cpuTime();
		} while (now - start < 150000);
		best = Math.min(best, (now - start) / n);
	}
	process.stdout.write(expression + '\t' + best.toFixed(3) + '\n');
}
