/**
 * ESLint rule: no function longer than `max` lines. The core rule of that purpose also counts the callback of a
 * `describe`, which is a chapter of tests and no function anybody has to hold in the head.
 */
export const functionSize = {
  meta: {
    type: 'suggestion',
    schema: [{ type: 'object', properties: { max: { type: 'integer' } }, additionalProperties: false }],
    messages: { tooLong: 'This function has {{lines}} lines, at most {{max}} are allowed: name its parts.' },
  },
  create(context) {
    const { max } = context.options[0];
    const check = (node) => {
      if (isChapterOfTests(node)) return;
      const lines = node.loc.end.line - node.loc.start.line + 1;
      if (lines > max) context.report({ node, messageId: 'tooLong', data: { lines, max } });
    };
    return { FunctionDeclaration: check, FunctionExpression: check, ArrowFunctionExpression: check };
  },
};

/** The callback of describe(...) or describe.each(...)(...). */
function isChapterOfTests(node) {
  if (node.parent.type !== 'CallExpression' || !node.parent.arguments.includes(node)) return false;
  let callee = node.parent.callee;
  while (callee.type !== 'Identifier') {
    if (callee.type === 'CallExpression') callee = callee.callee;
    else if (callee.type === 'MemberExpression') callee = callee.object;
    else if (callee.type === 'TaggedTemplateExpression') callee = callee.tag;
    else return false;
  }
  return callee.name === 'describe';
}
