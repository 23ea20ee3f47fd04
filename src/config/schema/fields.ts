/** What several sections are made of. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { type Secret, toSecret } from '../secret.ts';

export const secret = z
  .string()
  .min(1)
  .transform((value): Secret => toSecret(value));

export const httpUrl = z.string().refine(isHttpUrl, {
  error: 'expected an http:// or https:// address without credentials, query or fragment',
});

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return bare && (url.protocol === 'http:' || url.protocol === 'https:');
}

/** An address, or a range of them in CIDR notation. */
export const ipRange = z.string().refine(isIpRange, {
  error: 'expected an IP address or a range such as 10.0.0.0/8',
});

function isIpRange(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return Number(bits ?? 0) <= most;
}

/** One address or several separated by commas, or a list; trailing slashes and a final `/v1` are dropped. */
export const urlList = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === 'string' ? value.split(',') : value).map((url) => url.trim()))
  .pipe(z.array(httpUrl).min(1))
  .transform((urls) => urls.map((url) => url.replace(/\/+$/, '').replace(/\/v1$/, '')));

export const seconds = (fallback: number, text: string) =>
  z.number().positive().max(86_400).default(fallback).describe(`${text} Seconds.`);

export const port = z.number().int().min(0).max(65_535);
