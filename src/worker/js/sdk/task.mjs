import sdk from './task.cjs';

export const { task } = sdk;
export default sdk.task;
