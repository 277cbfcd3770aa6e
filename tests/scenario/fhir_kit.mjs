// Drives the gateway at argv[3] with fhir-kit-client, which lies in argv[2]:
// every interaction that it offers. Prints TAP; what is expected is what the
// client documents and FHIR R4 says of each interaction.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const [, , folder, baseUrl] = process.argv;
const kit = await import(
	pathToFileURL(join(folder, 'node_modules/fhir-kit-client/dist/index.js')).href);
const { CapabilityTool } = kit;
const Client = kit.Client ?? kit.default;
const client = new Client({ baseUrl });
let cases = 0;

function ok(holds, name, detail = '') {
	cases++;
	console.log(`${holds ? 'ok' : 'not ok'} ${cases} - ${name}`);
	if (!holds)
		console.log('# ' + JSON.stringify(detail));
}

function skip(name, why) {
	cases++;
	console.log(`ok ${cases} - ${name} # SKIP ${why}`);
}

// The status with which a call is refused; 0: it is not.
async function refused(promise) {
	try {
		await promise;
		return 0;
	} catch (e) {
		return e.response?.status ?? -1;
	}
}

function status(resource) {
	return Client.httpFor(resource).response?.status;
}

const family = 'Testbed';
const patient = { resourceType: 'Patient', name: [{ family, given: ['Ada'] }],
	identifier: [{ system: 'http://example.org/kit', value: '1' }] };

// capabilities
const statement = await client.capabilityStatement();
const can = new CapabilityTool(statement);
ok(statement.resourceType === 'CapabilityStatement' && statement.fhirVersion === '4.0.1',
	'capabilityStatement', statement.fhirVersion);
ok(can.serverCan('transaction') && can.serverCan('batch') && can.serverCan('history-system'),
	'it says what the system can');
ok(can.resourceCan('Patient', 'patch') && can.resourceSearch('Patient', 'identifier'),
	'and what a type can');

// create, read, vread, update, patch, delete
const made = await client.create({ resourceType: 'Patient', body: patient });
ok(status(made) === 201 && made.id && made.meta.versionId === '1', 'create', made);
const location = Client.httpFor(made).response.headers.get('location');
ok(location.endsWith(`/Patient/${made.id}/_history/1`), 'its Location', location);
const again = await client.create({ resourceType: 'Patient', body: patient,
	options: { headers: { 'If-None-Exist': 'identifier=http://example.org/kit|1' } } });
ok(status(again) === 200 && again.id === made.id, 'conditional create', again);
const read = await client.read({ resourceType: 'Patient', id: made.id });
ok(read.name[0].family === family, 'read', read);
const updated = await client.update({ resourceType: 'Patient', id: made.id,
	body: { ...patient, id: made.id, active: true } });
ok(status(updated) === 200 && updated.meta.versionId === '2', 'update', updated);
const bySearch = await client.update({ resourceType: 'Patient',
	searchParams: { identifier: 'http://example.org/kit|1' },
	body: { ...patient, active: false } });
ok(bySearch.id === made.id && bySearch.meta.versionId === '3', 'conditional update', bySearch);
const first = await client.vread({ resourceType: 'Patient', id: made.id, version: '1' });
ok(first.meta.versionId === '1' && first.active === undefined, 'vread', first);
const patched = await client.patch({ resourceType: 'Patient', id: made.id,
	jsonPatch: [{ op: 'replace', path: '/active', value: true }] });
ok(patched.active === true && patched.meta.versionId === '4', 'patch', patched);
ok(await refused(client.update({ resourceType: 'Patient', id: made.id,
	body: { ...patient, id: made.id }, options: { headers: { 'If-Match': 'W/"1"' } } })) === 412,
	'update of another version: 412');
const given = await client.update({ resourceType: 'Patient', id: 'kit-2',
	body: { resourceType: 'Patient', id: 'kit-2', name: [{ family: 'Other' }] } });
ok(status(given) === 201, 'update as create', given);
const observation = await client.create({ resourceType: 'Observation', body: {
	resourceType: 'Observation', status: 'final', code: { text: 'x' },
	subject: { reference: `Patient/${made.id}` } } });
ok(await refused(client.create({ resourceType: 'Patient',
	body: { resourceType: 'Patient', birthDate: 'soon' } })) === 400, 'create of what is wrong: 400');
ok(await refused(client.read({ resourceType: 'Patient', id: 'none' })) === 404,
	'read of what is not there: 404');

// search
const found = await client.search({ resourceType: 'Patient', searchParams: { family } });
ok(found.total === 1 && found.entry[0].resource.id === made.id, 'search', found);
const posted = await client.resourceSearch({ resourceType: 'Patient',
	searchParams: { family: ['Testbed', 'Test'] }, options: { postSearch: true } });
ok(posted.total === 1, 'resourceSearch by POST, a parameter twice', posted);
ok(await refused(client.resourceSearch({ resourceType: 'Patient',
	searchParams: { colour: 'red' } })) === 400, 'search by what there is not: 400');
if (can.serverCan('search-system')) {
	const system = await client.systemSearch({
		searchParams: { _type: 'Patient', _id: made.id } });
	ok(system.entry?.length === 1, 'systemSearch', system);
	const compartment = await client.compartmentSearch({ resourceType: 'Observation',
		compartment: { resourceType: 'Patient', id: made.id } });
	ok(compartment.entry?.length === 1, 'compartmentSearch', compartment);
} else {
	skip('systemSearch, compartmentSearch', 'not served');
}

// pages
const page = await client.search({ resourceType: 'Patient', searchParams: { _count: 1 } });
const next = await client.nextPage({ bundle: page });
ok(page.entry.length === 1 && next.entry.length === 1 &&
	next.entry[0].resource.id !== page.entry[0].resource.id, 'nextPage', next);
const back = client.prevPage({ bundle: next });
if (back)
	ok((await back).entry[0].resource.id === page.entry[0].resource.id, 'prevPage');
else
	skip('prevPage', 'no link to it');
ok(client.nextPage({ bundle: next }) === undefined, 'behind the last there is none');

// history
const versions = await client.history({ resourceType: 'Patient', id: made.id });
ok(versions.total === 4, 'history of an instance', versions.total);
ok((await client.resourceHistory({ resourceType: 'Patient', id: made.id })).entry.length === 4,
	'resourceHistory');
ok((await client.typeHistory({ resourceType: 'Patient' })).total === 5, 'typeHistory');
ok((await client.systemHistory()).total === 6, 'systemHistory');

// batch, transaction
const uuid = 'urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9';
const transaction = await client.transaction({ body: { resourceType: 'Bundle',
	type: 'transaction', entry: [
		{ fullUrl: uuid, resource: { resourceType: 'Patient', name: [{ family: 'Third' }] },
			request: { method: 'POST', url: 'Patient' } },
		{ resource: { resourceType: 'Observation', status: 'final', code: { text: 'y' },
			subject: { reference: uuid } }, request: { method: 'POST', url: 'Observation' } },
	] } });
ok(transaction.type === 'transaction-response' &&
	transaction.entry.every((e) => e.response.status.startsWith('201')), 'transaction', transaction);
const batch = await client.batch({ body: { resourceType: 'Bundle', type: 'batch', entry: [
	{ request: { method: 'GET', url: `Patient/${made.id}` } },
	{ request: { method: 'GET', url: 'Patient/none' } },
] } });
ok(batch.entry[0].resource.id === made.id && batch.entry[1].response.status.startsWith('404'),
	'batch', batch);

// operations
const everything = await client.operation({ name: '$everything', resourceType: 'Patient',
	id: made.id, method: 'GET', input: { _count: 10 } });
ok(everything.total === 2, 'operation by GET', everything);
const meta = await client.operation({ name: 'meta-add', resourceType: 'Patient', id: made.id,
	input: { resourceType: 'Parameters', parameter: [
		{ name: 'meta', valueMeta: { tag: [{ system: 'http://example.org/t', code: 'k' }] } }] } });
ok(meta.parameter[0].valueMeta.tag[0].code === 'k', 'operation by POST', meta);
ok((await client.operation({ name: '$meta', method: 'GET' })).resourceType === 'Parameters',
	'operation of the system');
ok((await client.operation({ name: '$validate', resourceType: 'Patient', input: patient }))
	.resourceType === 'OperationOutcome', 'operation of a type, by POST of the resource');
ok(await refused(client.operation({ name: '$nothing', method: 'GET' })) === 404,
	'operation that there is not: 404');

// references, raw requests
const subject = await client.resolve({ reference: observation.subject.reference });
ok(subject.id === made.id, 'resolve a relative reference', subject);
const absolute = await client.resolve({ reference: `${baseUrl}/Patient/${made.id}` });
ok(absolute.id === made.id, 'resolve an absolute reference', absolute);
const inBundle = await client.resolve({ reference: `Patient/${made.id}`,
	context: everything });
ok(inBundle.id === made.id, 'resolve within a Bundle', inBundle);
const raw = await client.request(`Patient/${made.id}?_elements=name`);
ok(raw.name && raw.identifier === undefined, 'request', raw);

// delete
const gone = await client.delete({ resourceType: 'Patient', id: 'kit-2' });
ok(status(gone) === 204 || status(gone) === 200 || gone === undefined ||
	Object.keys(gone).length === 0, 'delete', gone);
ok(await refused(client.read({ resourceType: 'Patient', id: 'kit-2' })) === 410,
	'read of what was deleted: 410');
console.log(`1..${cases}`);
process.exit(0);
