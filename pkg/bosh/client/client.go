// Package client asks a BOSH director, and submits to it what it is to do: each question
// and each task one method of Client. What goes over the wire, and what failures mean, is
// package transport's.
package client

import (
	"context"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// defaultPoll is how often short tasks are asked for, as the bosh CLI does.
const defaultPoll = 500 * time.Millisecond

// Config says which director to ask, and how.
type Config struct {
	transport.Config
	Poll time.Duration // between two looks at a task; default: 500 ms, as the bosh CLI
}

// Client speaks with one director. It may be used from several goroutines.
type Client struct {
	wire *transport.Transport
	poll time.Duration
}

// New makes a client and checks its configuration; it does not touch the
// network. Its errors name the setting that is wrong.
func New(config Config) (*Client, error) {
	wire, err := transport.New(config.Config)
	if err != nil {
		return nil, err
	}
	c := &Client{wire: wire, poll: config.Poll}
	if c.poll <= 0 {
		c.poll = defaultPoll
	}
	return c, nil
}

// Close ends idle connections and the one to a jumpbox.
func (c *Client) Close() error { return c.wire.Close() }

// Info asks the director who it is, and whom it takes the caller for. A wrong
// password is not an error here: /info is always answered, and User is empty then.
func (c *Client) Info(ctx context.Context) (bosh.Info, error) { return c.wire.Info(ctx) }
