import { renderTextPanelMarkdown, textUtil } from '@grafana/data';

export function Text({ options, replaceVariables }) {
  const content = replaceVariables(options.content ?? '', {}, options.mode === 'html' ? 'html' : 'text');
  const html = options.mode === 'html' ? textUtil.sanitizeTextPanelContent(content) : renderTextPanelMarkdown(content);
  return <div className="markdown-html" style={{ height: '100%', overflow: 'auto' }} dangerouslySetInnerHTML={{ __html: html }} />;
}
