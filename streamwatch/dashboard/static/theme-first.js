// Runs before anything is drawn, so that a chosen theme does not flash the other one first. See theme.js for the rest.
try {
  const chosen = localStorage.getItem("streamwatch.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // No storage (private mode): the system's theme it is.
}
