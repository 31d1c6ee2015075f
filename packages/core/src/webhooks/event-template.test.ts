import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { TEMPLATE_BOUNDS, fillEventTemplate, isJsonPointer, templateFault, valueAt } from './event-template.ts';

const event = {
  id: 'evt_1', type: 'issues', headers: { 'x-github-event': 'issues' },
  body: { action: 'opened', issue: { number: 7, title: 'It broke', labels: [{ name: 'bug' }, { name: 'p1' }], milestone: null }, 'a/b': { 'm~n': 1 } },
};

describe('a template', () => {
  it('takes values by pointer as they are, and as text within a text', () => {
    expect(fillEventTemplate({
      number: { $event: '/body/issue/number' }, labels: { $event: '/body/issue/labels' }, second: { $event: '/body/issue/labels/1/name' },
      odd: { $event: '/body/a~1b/m~0n' }, text: 'Issue {{/body/issue/number}}: {{ /body/issue/title }} {{/body/nothing}}[{{/body/issue/labels/0}}]', fixed: [1, true, null], whole: { $event: '' },
    }, event)).toEqual({
      number: 7, labels: event.body.issue.labels, second: 'p1', odd: 1, text: 'Issue 7: It broke [{"name":"bug"}]', fixed: [1, true, null], whole: event,
    });
  });

  it('has a default for what is not there, null where none is given', () => {
    expect(fillEventTemplate([{ $event: '/body/x', default: 'none' }, { $event: '/body/x' }, { $event: '/body/issue/milestone', default: 0 }], event)).toEqual(['none', null, 0]);
  });

  it('reaches nothing that is not in the event itself', () => {
    for (const pointer of ['/constructor', '/__proto__', '/body/issue/title/length', '/body/issue/labels/length', '/body/issue/labels/01', '/body/issue/labels/-1', '/toString/name']) {
      expect(valueAt(event, pointer)).toBeUndefined();
    }
    const filled = fillEventTemplate(JSON.parse('{"__proto__": {"polluted": {"$event": "/id"}}}'), event) as object;
    expect(Object.keys(filled)).toEqual(['__proto__']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(fillEventTemplate('{{/body/issue/title}}', { body: { issue: { title: '{{/id}}' } }, id: 'never' })).toBe('{{/id}}');
  });

  it('is refused where it is not one, or is too large', () => {
    expect([templateFault({ a: [{ $event: '/x' }] }), templateFault('{{/x}}'), templateFault(null)]).toEqual([null, null, null]);
    for (const wrong of [{ $event: 'body' }, { $event: 1 }, { $event: '/a', more: 1 }, { $event: '/~2' }]) expect(templateFault({ deep: [wrong] })).toMatch(/JSON Pointer/);
    let deep: unknown = 1;
    for (let i = 0; i < 40; i += 1) deep = [deep];
    expect(templateFault(deep)).toMatch(/nested deeper/);
    expect(templateFault(Array.from({ length: 3000 }, () => 1))).toMatch(/more than/);
  });

  it('does not grow without bounds', () => {
    const long = { body: 'x'.repeat(TEMPLATE_BOUNDS.textChars / 2) };
    expect(() => fillEventTemplate(['{{/body}}', '{{/body}}', '{{/body}}'], long)).toThrow(expect.objectContaining({ code: 'EVENT_INVALID' }));
  });

  it('never throws anything else, whatever event and template are', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), fc.string(), (template, any, pointer) => {
      if (templateFault(template) === null) fillEventTemplate(template, any);
      if (isJsonPointer(pointer)) valueAt(any, pointer);
    }));
  });
});
