/** A value that never shows itself: printing, logging or serialising it gives `[secret]`. */
export interface Secret {
  /** The value itself, for the one place that needs it. */
  reveal(): string;
}

/** Wraps a value so that only {@link Secret.reveal} gives it away. */
export function toSecret(value: string): Secret {
  const hidden = () => '[secret]';
  return Object.defineProperties({ reveal: () => value } as Secret, {
    reveal: { enumerable: false, value: () => value },
    toString: { value: hidden },
    toJSON: { value: hidden },
    [Symbol.for('nodejs.util.inspect.custom')]: { value: hidden },
  });
}
