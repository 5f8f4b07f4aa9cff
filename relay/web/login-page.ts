/** What a browser that may not look gets: no script, and nothing of what stands behind it. */
export function closedPage(problem?: string): string {
  const why = problem === undefined ? '' : `<p role="alert" class="problem">${problem}</p>`;
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>coldwatch: log in</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/page.css" />
  </head>
  <body>
    <main class="login">
      <h1>coldwatch</h1>
      ${why}
      <form method="post" action="/login">
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required autofocus />
        <button>Log in</button>
      </form>
      <p class="quiet">Whoever runs this relay has your token: it stands in its file, below <code>viewers</code>.</p>
    </main>
  </body>
</html>
`;
}
