/** Checks values against JSON schemas that strangers wrote: in a thread of its own, with a deadline. */
export { createSchemaChecker, type SchemaChecker, type SchemaIssue, type SchemaVerdict } from './schema-checker.ts';
