/** The example agents, deployed and run on real data by two organizations at the same time. */
export { runExamples, type ExamplesOptions, type ExamplesReport } from './run-examples.ts';
