// Package stack keeps one CloudFormation stack, of the template in package layout,
// as wanted: it plans with change sets, executes them, and says of every state in
// which a stack can be what happened, what is still true and what to do. Package
// cloudformation makes the calls.
//
// How stacks behave is said by the pages "Stack status codes", "Stack failure
// options" and "Update behaviours of stack resources" of the CloudFormation user
// guide, and by the API reference of each call.
package stack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/cloudformation"
)

// ownerTag is the tag by which a stack, and everything in it, is known as ours.
const ownerTag = "perpetual:name"

// Options say which stack, and as whom. The zero value of a field is its default.
type Options struct {
	Name string // of the stack, "perpetual-ci"
	// Owner is the value of the tag perpetual:name, by which a stack is known as
	// ours, "ci".
	Owner      string
	Tags       map[string]string // further ones, on the stack and on everything in it
	Connection aws.Connection

	Notify   func(cloudformation.Event) // gets every event of the stack while a call waits, and of what the adapter does itself
	Poll     time.Duration              // between two looks; default 5 s
	Now      func() time.Time           // default time.Now
	Attempts int                        // how often a call is sent that gets no answer, or is asked to come later; default 6
}

// Stack is one CloudFormation stack. Its methods may not be called at the same time.
type Stack struct {
	options Options
	api     *cloudformation.Client
}

// stackName is what CloudFormation allows as a name.
var stackName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,127}$`)

// New makes a Stack; it sends nothing. It says which option is wrong.
func New(o Options) (*Stack, error) {
	switch {
	case !stackName.MatchString(o.Name):
		return nil, fmt.Errorf("configure the stack: %q is not a valid stack name", o.Name)
	case o.Owner == "":
		return nil, errors.New("configure the stack: it has no owner")
	case o.Connection.Region() == "":
		return nil, errors.New("configure the stack: no region")
	}
	if o.Notify == nil {
		o.Notify = func(cloudformation.Event) {}
	}
	if o.Poll == 0 {
		o.Poll = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Attempts == 0 {
		o.Attempts = 6
	}
	tags := map[string]string{}
	maps.Copy(tags, o.Tags)
	tags[ownerTag] = o.Owner
	o.Tags = tags
	return &Stack{options: o, api: cloudformation.New(cloudformation.Options{
		Stack: o.Name, Connection: o.Connection, Attempts: o.Attempts, MaxBackoff: min(20*time.Second, 4*o.Poll),
	})}, nil
}

// say tells the user something of our own.
func (s *Stack) say(format string, args ...any) {
	s.options.Notify(cloudformation.Event{Time: s.options.Now(), Reason: fmt.Sprintf(format, args...)})
}

// pause waits for the next look.
func (s *Stack) pause(ctx context.Context) error {
	timer := time.NewTimer(s.options.Poll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// token names one request, or one change set, for good.
func token() string {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	return namePrefix + hex.EncodeToString(random[:])
}

// namePrefix begins the names of our change sets.
const namePrefix = "perpetual-"
