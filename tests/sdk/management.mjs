// Calls the management API through AWS's SDK for JavaScript, and prints what came of each call.
//
//   node management.mjs ENDPOINT CONNECTION GONE
//
// Credentials come from the environment. The last call closes CONNECTION.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.AMPT_WS_TEST_SDKS, 'package.json'));
const {
  ApiGatewayManagementApiClient: Client,
  PostToConnectionCommand: Post,
  GetConnectionCommand: Get,
  DeleteConnectionCommand: Delete,
} = require('@aws-sdk/client-apigatewaymanagementapi');

const [endpoint, ConnectionId, gone] = process.argv.slice(2);
const client = new Client({ endpoint, region: 'us-east-1' });
const stranger = new Client({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x' },
});

async function outcome(call) {
  try {
    const { $metadata, ...rest } = await call;
    return { status: $metadata.httpStatusCode, hasRequestId: Boolean($metadata.requestId), ...JSON.parse(JSON.stringify(rest)) };
  } catch (error) {
    return { status: error.$metadata?.httpStatusCode, error: error.name, message: error.message };
  }
}

const get = { ConnectionId };
const calls = {
  post: () => client.send(new Post({ ConnectionId, Data: 'häl=lo' })),
  postBytes: () => client.send(new Post({ ConnectionId, Data: Buffer.from('{"from":"bytes"}') })),
  postLargest: () => client.send(new Post({ ConnectionId, Data: 'x'.repeat(131072) })),
  postTooLarge: () => client.send(new Post({ ConnectionId, Data: 'x'.repeat(131073) })),
  postFarTooLarge: () => client.send(new Post({ ConnectionId, Data: 'x'.repeat(8000000) })),
  get: () => client.send(new Get(get)),
  postGone: () => client.send(new Post({ ConnectionId: gone, Data: 'x' })),
  postMalformed: () => client.send(new Post({ ConnectionId: 'no/pe', Data: 'x' })),
  stranger: () => stranger.send(new Get(get)),
  delete: () => client.send(new Delete(get)),
  getDeleted: () => client.send(new Get(get)),
  deleteDeleted: () => client.send(new Delete(get)),
};
const outcomes = {};
for (const [name, call] of Object.entries(calls)) outcomes[name] = await outcome(call());
console.log(JSON.stringify(outcomes));
