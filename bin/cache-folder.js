/** Where code that was made ready to run is kept: nobody else may write there, because it is run. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

const { XDG_CACHE_HOME = '', HOME } = process.env;
const caches = isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(HOME || homedir(), '.cache');

export const cacheFolder = join(caches, 'llm-gateway', 'code');
