/** The three lines that put a processor into the lists. Imported first: some tables are made of the lists when they are loaded. */

import { PROCESSORS, READERS } from '../../../src/arch/index.ts';
import { ASSEMBLERS } from '../../../src/arch/seldom.ts';
import { createToyAssembler, TOY, TOY_READER } from './processor.ts';

Object.assign(PROCESSORS, { toy: TOY });
Object.assign(READERS, { toy: TOY_READER });
Object.assign(ASSEMBLERS, { toy: createToyAssembler });
