// In a file of its own, because the page's Content-Security-Policy runs no script that is written into it.
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    persistAuthorization: false,
    validatorUrl: null, // by default it sends the document's address to another host
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
};
