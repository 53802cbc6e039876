import sdk from './index.cjs';

export const { params } = sdk;
export default sdk.params;
