// Echoes binary messages: they arrive in base64, and go back through the management API.
import { ws } from '@ampt/sdk';

const { AMPT_APP_WEBSOCKET_URL, AWS_ACCESS_KEY_ID } = process.env;
const management = AMPT_APP_WEBSOCKET_URL.replace(/^ws/, 'http').replace(/\/$/, '');

ws.on('message', { timeout: 60_000 }, async ({ connectionId }, base64) => {
  const response = await fetch(`${management}/@connections/${connectionId}`, {
    method: 'POST',
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${AWS_ACCESS_KEY_ID}/`,
      'x-ampt-ws-message': 'binary',
    },
    body: Buffer.from(base64 ?? '', 'base64'),
  });
  // A case may have closed its connection meanwhile.
  if (!response.ok && response.status !== 410) throw new Error(`${response.status} ${await response.text()}`);
});
