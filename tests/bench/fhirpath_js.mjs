// Microseconds of the processor that fhirpath.js (argv[2] is the folder of its npm package, of
// which the bundle is taken) takes for each expression of the file argv[3], compiled with its
// model of R4, over the resource argv[4]: a line "expression<tab>microseconds" each, the best of
// several rounds, garbage collection included.
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';
import { pathToFileURL } from 'url';

const folder = path.resolve(process.argv[2]);
const model = createRequire(import.meta.url)(path.join(folder, 'fhir-context', 'r4', 'index.js'));
const bundle = await import(pathToFileURL(path.join(folder, 'esm', 'fhirpath.mjs')));
const fhirpath = bundle.default ?? bundle;
const resource = JSON.parse(fs.readFileSync(process.argv[4], 'utf8'));

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
