// `@ampt/data` for ES modules. As in the published package, CommonJS has an instance of its own.
import { createData } from './data.cjs';

export const { data, Data } = createData();
export default data;
