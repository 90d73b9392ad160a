from devstack.commands import app

app()
