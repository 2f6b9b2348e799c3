package installation

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/environment"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
)

// openStack opens a stack of the account, in its region or in another one.
func (c *Connector) openStack(region string, o stack.Options) (infrastructure.Stack, error) {
	o.Connection = c.account.Connection()
	if region != "" {
		o.Connection = o.Connection.In(region)
	}
	o.Poll = crash.Scale(stackPoll)
	made, err := stack.New(o)
	if err != nil {
		return nil, err // a nil *stack.Stack would be a Stack that is not nil
	}
	return made, nil
}

// stackPoll is the time between two looks at a stack, which changes for minutes.
const stackPoll = 3 * time.Second

// agentPoll is the time between two looks at an agent, as the bosh CLI has it.
const agentPoll = 500 * time.Millisecond

// openEnvironment opens create-env.
func (c *Connector) openEnvironment(o createenv.Options) (environment.Environment, error) {
	dir, err := c.cacheDir()
	if err != nil {
		return nil, err
	}
	o.Dir, o.Notify, o.Path, o.Poll = dir, c.Notify, c.Env("PATH"), crash.Scale(agentPoll)
	made, err := createenv.New(o)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// answering is for how long a director may keep a caller waiting.
const answering = 3 * time.Second

// answers says whether something answers at a director's URL.
func answers(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	connection, err := (&net.Dialer{Timeout: answering}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

// cacheDir is where what create-env downloads and compiles is kept, for its owner only.
func (c *Connector) cacheDir() (string, error) {
	dir := c.CacheDir
	if dir == "" {
		base := c.Env("XDG_CACHE_HOME")
		if base == "" && c.Env("HOME") != "" {
			base = c.Env("HOME") + "/.cache"
		}
		if base == "" {
			return "", fmt.Errorf("find a directory for what is downloaded: HOME is not set; give --cache-dir")
		}
		dir = base + "/perpetual"
	}
	dir += "/" + c.Config.Name
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory for what is downloaded: %w", err)
	}
	return dir, nil
}
