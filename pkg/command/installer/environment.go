package installer

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws/stack"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/createenv"
)

// openStack opens a stack of the account, in its region or in another one.
func (s *session) openStack(region string, o stack.Options) (bootstrap.Stack, error) {
	o.Connection = s.account.Connection()
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
func (s *session) openEnvironment(o createenv.Options) (bootstrap.Environment, error) {
	dir, err := s.cacheDir()
	if err != nil {
		return nil, err
	}
	o.Dir, o.Notify, o.Path, o.Poll = dir, s.Notify, s.Env("PATH"), crash.Scale(agentPoll)
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

// firstLine is the first line of a text.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
