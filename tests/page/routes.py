"""Every address of the page that needs no id."""

PUBLIC = ("/login", "/signup", "/reset-password")
ROUTES = (
    "/",
    "/datasets",
    "/datasets/new",
    "/models",
    "/jobs",
    "/jobs/new",
    "/jobs/compare",
    "/sweeps",
    "/sweeps/new",
    "/pipelines",
    "/pipelines/new",
    "/projects",
    "/cluster",
    "/notifications",
    "/settings/profile",
    "/settings/api-keys",
    "/settings/notifications",
    "/settings/audit",
    "/settings/appearance",
)
ADMIN = ("/admin/users", "/admin/resources", "/admin/audit")
