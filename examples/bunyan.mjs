// A queue's worker that logs with bunyan, which has probes of its own: one for each level. They show all records, also
// those of levels that are not written.
//   npx usdt trace 'bunyan:log-*' --quiet --json | jq --unbuffered -r '.args[0] | rtrimstr("\n")' | bunyan
import { setTimeout as sleep } from 'node:timers/promises';
import bunyan from 'bunyan';

const log = bunyan.createLogger({
  name: 'worker',
  level: 'warn',
  serializers: { err: bunyan.stdSerializers.err },
});

const SIZES = [3, 8, 1, 12, 5];

async function resize(size, jobLog) {
  jobLog.debug({ size }, 'resizing');
  if (size > 10) throw new Error(`an image of ${size} MB is too large`);
  await sleep(size);
}

let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});
for (let job = 1; !stopping; job++) {
  const jobLog = log.child({ job });
  try {
    await resize(SIZES[job % SIZES.length], jobLog);
    jobLog.info('done');
  } catch (err) {
    jobLog.error({ err }, 'failed');
  }
  await sleep(20);
}
