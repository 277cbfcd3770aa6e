// What fhirpath.js answers: node fhirpath_js.mjs LIBRARY TABLE FOLDER SHARD SHARDS
//
// LIBRARY is the folder of its package, of which the bundle with all it needs
// is taken. TABLE, written by test_fhirpath_js, has a JSON text a line:
//   ["x", expression]                         one more expression, from 0 on
//   ["t", type, [root's], [search parameters]]
//   ["e", name, stem, type, holds resource, [expressions]]   of the type above
// For each file of the names on standard input it writes "F<tab>name"; a line
// "S" with an answer for each search parameter of the resource; and for each of
// its elements, in the specification's order, a line "N<tab>name" with an
// answer for each invariant. An answer is items with U+001F between them:
// "path|type|value" of what lies in the resource, "=type|value" of what does
// not, "!" and a message for an error.
import fs from 'fs';
import path from 'path';
import { createRequire } from 'module';
import { pathToFileURL } from 'url';

const [library, table, folder] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const model = require(path.join(path.resolve(library), 'fhir-context', 'r4', 'index.js'));
const bundle = await import(pathToFileURL(path.join(path.resolve(library), 'esm', 'fhirpath.mjs')));
const fhirpath = bundle.default ?? bundle;

// A reference is resolved to a resource of the type that it names, in the
// resource itself when it begins with "#": what lies elsewhere is not here.
function resolve(nodes) {
	return nodes.flatMap((node) => {
		const text = node?.data?.reference ?? node?.data;
		let root = node;

		if (typeof text !== 'string')
			return [];
		while (root.parentResNode)
			root = root.parentResNode;
		if (text.startsWith('#')) {
			const found = (root.data.contained ?? []).find((r) => r.id === text.slice(1));

			return found ? [new node.constructor(node.ctx, found, null, null, null, null)] : [];
		}
		const type = node.data.type ?? /([A-Za-z]+)\/[^/]+$/.exec(text.replace(/\/_history\/.*/, ''))?.[1];

		return type && model.type2Parent[type] !== undefined
			? [new node.constructor(node.ctx, { resourceType: type }, null, null, null, null)] : [];
	});
}

const options = {
	resolveInternalTypes: false,
	userInvocationTable: { resolve: { fn: resolve, arity: { 0: [] }, internalStructures: true } },
	traceFn: () => {},
};
const texts = [], programs = [], types = new Map(), steps = new Map();
let type;

for (const line of fs.readFileSync(table, 'utf8').split('\n')) {
	const row = line ? JSON.parse(line) : [];

	if (row[0] === 'x') {
		texts.push(row[1]);
	} else if (row[0] === 't') {
		type = { root: row[2], params: row[3], elements: [] };
		types.set(row[1], type);
	} else if (row[0] === 'e') {
		type.elements.push({ name: row[1], stem: row[2], type: row[3], holds: row[4], tests: row[5] });
	}
}

function compiled(text) {
	try {
		return fhirpath.compile(text, model, options);
	} catch (e) {
		return () => { throw e; };
	}
}

function plain(text) {
	// eslint-disable-next-line no-control-regex
	return String(text).replace(/[\x00-\x1f]/g, '?');
}

function shown(item) {
	if (item?.fullPropertyName) {
		const name = item.getTypeInfo().name;
		const data = item.data;
		const value = data === null || data === undefined || (typeof data === 'object' && !data.toJSON) ? '' : data;

		return item.fullPropertyName() + '|' + name + '|' + plain(value);
	}
	return '=' + (typeof item === 'object' ? item.constructor.name : typeof item) + '|' + plain(item);
}

// R4's definitions use as on collections, which N1, 6.3.3 forbids and the
// library refuses; ofType() is what they mean.
function run(number, node, vars) {
	programs[number] ??= compiled(texts[number]);
	try {
		return programs[number](node, vars);
	} catch (e) {
		if (!e.message?.startsWith("Expected singleton on left side of 'as'"))
			throw e;
		const meant = texts[number].replaceAll('.as(', '.ofType(').replace(/([\w.]+) as (\w+)/g, '$1.ofType($2)');

		programs[number] = compiled(meant);
		return programs[number](node, vars);
	}
}

function answer(number, node, vars) {
	try {
		const items = run(number, node, vars);

		return items.length === 1 && items[0] === true ? 'T' : items.map(shown).join('\x1f');
	} catch (e) {
		return '!' + plain(e.message ?? e);
	}
}

function children(node, stem) {
	let step = steps.get(stem);

	if (!step)
		steps.set(stem, step = fhirpath.compile('`' + stem + '`', model, options));
	return step(node);
}

function has(node, name) {
	const data = node.data;

	if (data !== null && typeof data === 'object' && !data.toJSON)
		return name in data || '_' + name in data;
	return node._data !== null && name in node._data;
}

let out = [];

// Write what was gathered, and wait for a slow reader.
function flush() {
	if (out.length)
		fs.writeSync(1, out.join('\n') + '\n');
	out = [];
}

function walk(node, typeName, vars) {
	for (const e of types.get(typeName).elements) {
		if (!has(node, e.name))
			continue;
		for (const child of children(node, e.stem)) {
			if (child.data === null && !child._data)
				continue;
			let inner = e.type, tests = e.tests, within = vars;

			if (e.holds) {
				inner = child.data.resourceType;
				tests = tests.concat(types.get(inner).root.filter((n) => !tests.includes(n)));
				within = { resource: child, rootResource: e.name === 'contained' ? vars.rootResource : child };
			}
			out.push('N\t' + e.name + tests.map((n) => '\t' + answer(n, child, within)).join(''));
			if (out.length > 500)
				flush();
			walk(child, inner, within);
		}
	}
}

for (const name of fs.readFileSync(0, 'utf8').split('\n')) {
	if (!name)
		continue;
	const resource = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
	const root = fhirpath.compile('$this', model, options)(resource)[0];
	const vars = { resource: root, rootResource: root };
	const of = types.get(resource.resourceType);

	out.push('F\t' + name);
	out.push('S' + of.params.map((n) => '\t' + answer(n, root, vars)).join(''));
	out.push('N\t' + resource.resourceType + of.root.map((n) => '\t' + answer(n, root, vars)).join(''));
	walk(root, resource.resourceType, vars);
	flush();
}
