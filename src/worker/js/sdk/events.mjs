import sdk from './index.cjs';

export const { events } = sdk;
export default sdk.events;
