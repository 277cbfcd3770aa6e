// Answers of the units library at argv[2] (its single-file build): for every
// line "value<tab>from<tab>to" of the file argv[3] the converted value, or "-";
// behind them a line "=<tab>code<tab>magnitude" for every unit of its table
// that is on a ratio scale and is not arbitrary.
'use strict';
const fs = require('fs');
const lib = require(require('path').resolve(process.argv[2]));
const utils = lib.UcumLhcUtils.getInstance();
const out = [];

for (const line of fs.readFileSync(process.argv[3], 'utf8').split('\n')) {
	if (!line)
		continue;
	const [value, from, to] = line.split('\t');
	const r = utils.convertUnitTo(from, Number(value), to);
	out.push(r.status === 'succeeded' ? String(r.toVal) : '-');
}
for (const unit of lib.UnitTables.getInstance().allUnitsByDef())
	if (!unit.isSpecial_ && !unit.isArbitrary_)
		out.push('=\t' + unit.csCode_ + '\t' + unit.magnitude_);
process.stdout.write(out.join('\n') + '\n');
