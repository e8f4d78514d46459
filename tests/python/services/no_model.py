"""A service of a model that there is not."""
import chorus

svc = chorus.Service("no_model", runners=[chorus.get("no-such").to_runner()])
