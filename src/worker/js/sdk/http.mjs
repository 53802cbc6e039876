import sdk from './index.cjs';

export const { http } = sdk;
export default sdk.http;
