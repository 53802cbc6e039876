// `@ampt/data` for ES modules: the same instance that CommonJS gets.
import shared from './index.cjs';

export const { data, Data } = shared;
export default data;
