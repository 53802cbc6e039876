import sdk from './schedule.cjs';

export const { ScheduleError, schedule } = sdk;
export default sdk.schedule;
