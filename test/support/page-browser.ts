/** What a browser does with the console, without drawing: cookies, links, forms with the headers that browsers send. */
export interface OpenedPage {
  readonly status: number;
  readonly headers: Headers;
  readonly html: string;
  /** Where a redirect leads, empty where it is none. */
  readonly location: string;
}

export interface PageBrowser {
  open(path: string, headers?: Record<string, string>): Promise<OpenedPage>;
  send(path: string, fields: Record<string, string>, headers?: Record<string, string>): Promise<OpenedPage>;
  readonly cookies: Map<string, string>;
}

/** @param origin what the browser believes the gateway's origin to be */
export function openPageBrowser(url: string, origin = url): PageBrowser {
  const cookies = new Map<string, string>();

  async function ask(path: string, init: RequestInit & { headers: Record<string, string> }) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const headers = { cookie, ...init.headers };
    const response = await fetch(url + path, { redirect: 'manual', ...init, headers });
    for (const given of response.headers.getSetCookie()) {
      const [name = '', value = ''] = given.split(';', 1)[0]?.split('=', 2) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get('location') ?? '';
    return { status: response.status, headers: response.headers, html: await response.text(), location };
  }

  return {
    cookies,
    open: (path, headers = {}) => ask(path, { headers }),
    send: (path, fields, headers = {}) =>
      ask(path, {
        method: 'POST',
        body: new URLSearchParams(fields),
        headers: { origin, 'sec-fetch-site': 'same-origin', ...headers },
      }),
  };
}

/** The value of a field of a page's form. */
export const fieldOf = (html: string, name: string): string =>
  new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? '';

/** Signs in with a key, to a page of the console. */
export async function signInWithKey(browser: PageBrowser, key: string, to = '/console'): Promise<OpenedPage> {
  const entrance = await browser.open(`/console/sign-in?${new URLSearchParams({ to }).toString()}`);
  const fields = { token: fieldOf(entrance.html, 'token'), to: fieldOf(entrance.html, 'to'), key };
  return browser.send('/console/sign-in', fields);
}
