// node-hl7-client sends what the test asks for, a line of JSON each on standard
// input: {"port", "text"}; and tells the answer, a line of JSON each.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const library = await import(pathToFileURL(join(process.argv[2], 'lib/esm/index.mjs')));
const { Client, Message, Batch, isBatch } = library;
const client = new Client({ host: '127.0.0.1' });
const connections = new Map();
let answered = null;

function connection(port) {
	if (!connections.has(port)) {
		connections.set(port, client.createConnection({ port, waitAck: true }, async (response) => {
			answered(response.getMessage().toString());
		}));
	}
	return connections.get(port);
}

for await (const line of createInterface({ input: process.stdin })) {
	const { port, text } = JSON.parse(line);
	const answer = new Promise((resolve) => { answered = resolve; });
	try {
		const message = isBatch(text) ? new Batch({ text }) : new Message({ text });
		await connection(port).sendMessage(message);
		console.log(JSON.stringify({ answer: await answer }));
	} catch (e) {
		console.log(JSON.stringify({ error: String(e) }));
	}
}
for (const c of connections.values()) {
	await c.close();
}
process.exit(0);
