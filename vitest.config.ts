import { configDefaults, defineConfig } from 'vitest/config';

/**
 * World tests that wait nearly all the time, and whose bounds leave room for others beside them. Where everything runs
 * (scripts/test), so many of these run at a time; by hand each is a test of the world like the others.
 */
const PATIENT = [
  'test/conformance/driver.test.ts',
  'test/faults/{link,network,owner,removed-ring,wild}.test.ts',
  'test/integration/{lifecycle,modem,private,retained,sparkplug,starts}.test.ts',
];
const AT_A_TIME = 3;
const everything = process.env.TEST_EVERYTHING === '1';
const timeouts = { testTimeout: 120_000, hookTimeout: 120_000 };

// Unit tests sit beside the code and need no world; test/** needs built programs, brokers, ports (scripts/test).
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{core,host,agent,relay,lab,cli}/**/*.test.ts'],
          pool: 'threads',
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'world',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...(everything ? PATIENT : [])],
          ...timeouts,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      ...(everything
        ? [
            {
              test: {
                name: 'world, patient',
                include: PATIENT,
                ...timeouts,
                maxWorkers: AT_A_TIME,
                sequence: { groupOrder: 2 },
              },
            },
          ]
        : []),
    ],
  },
});
