/* As soon as possible, and no more often than every so many milliseconds; the last call is never lost. */
export function throttle(run, everyMs, signal) {
  let last = -Infinity;
  let timer = 0;
  signal?.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    if (timer || signal?.aborted) return;
    const wait = Math.max(0, last + everyMs - performance.now());
    timer = setTimeout(() => { timer = 0; last = performance.now(); run(); }, wait);
  };
}
