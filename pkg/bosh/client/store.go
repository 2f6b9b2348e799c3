package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/cloudfoundry/bosh-cli/v7/director"
	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/bosh/transport"
)

// noConfig is what the director takes for the id of the version before the first.
const noConfig = "0"

// lastPage is the longest history of a config that is asked for.
const lastPage = 1_000

// patience is how often a winner looks for losers that have not left yet.
const patience = 10

// StoreConfig makes content the current version of a config if the current one is
// that with the id expected; "0", or "", stands for none. Otherwise its error is
// bosh.ErrConfigChanged, and nothing of content is left behind.
//
// The director's own comparison is not atomic: of six writers at once, two to five
// were told that they had won (v283.1.6). So this looks at the config's history
// after it has written: the winner is the one whose version stands just above the
// expected one, and a loser deletes its own. What two writers store must differ for
// that, by the build's id for one. An answer that is lost may have taken all the
// same: StoreConfig looks for its content, and so does its repetition.
func (c *Client) StoreConfig(ctx context.Context, kind, name, content, expected string) (bosh.ConfigVersion, error) {
	if expected == "" {
		expected = noConfig
	}
	w := &configWrite{client: c, kind: kind, name: name, content: content, expected: expected}
	version, err := c.postConfig(ctx, kind, name, content, expected)
	switch {
	case err == nil && version.ID == expected: // it is what was there
	case err == nil:
		version, err = w.settle(ctx, version.ID)
	case errors.Is(err, bosh.ErrConfigChanged), transport.Unread(err), !transport.Certain(err):
		// Perhaps it was changed by this very write, or by an earlier try of it.
		version, err = w.recover(ctx, err)
	}
	if err != nil {
		return bosh.ConfigVersion{}, fmt.Errorf("store %s config %s: %w", kind, name, err)
	}
	return version, nil
}

// configWrite is one use of StoreConfig.
type configWrite struct {
	client              *Client
	kind, name, content string
	expected            string
}

// settle decides whether the version that was written has won, and deletes it
// otherwise.
func (w *configWrite) settle(ctx context.Context, id string) (bosh.ConfigVersion, error) {
	above, err := w.above(ctx)
	// Ids are given out before others see what has them. Only where one is missing
	// between the expected and this may another writer be on its way.
	again := !adjacent(w.expected, id)
	// A winner waits for losers to leave, so that its next write finds its own.
	for tries := 0; err == nil && (again || won(above, id) && len(above) > 1 && tries < patience); tries++ {
		again = false
		if err = pause(ctx, w.client.poll); err == nil {
			above, err = w.above(ctx)
		}
	}
	switch {
	case err != nil:
		return bosh.ConfigVersion{}, fmt.Errorf("look who has won: %w", err)
	case won(above, id):
		return above[len(above)-1], nil
	}
	return bosh.ConfigVersion{}, w.withdraw(ctx, id)
}

// won says whether a version stands just above the expected one.
func won(above []bosh.ConfigVersion, id string) bool {
	return len(above) > 0 && above[len(above)-1].ID == id
}

// recover looks for content that this write, or an earlier try of it, has left. It
// returns why, the error of the write, where there is none.
func (w *configWrite) recover(ctx context.Context, why error) (bosh.ConfigVersion, error) {
	above, err := w.above(ctx)
	if err != nil {
		return bosh.ConfigVersion{}, fmt.Errorf("%v; look whether it was stored all the same: %w", why, err) // nobody knows who has changed it
	}
	for _, v := range slices.Backward(above) {
		if sameContent(v.Content, w.content) {
			return w.settle(ctx, v.ID)
		}
	}
	if errors.Is(why, bosh.ErrConfigChanged) {
		return bosh.ConfigVersion{}, why
	}
	return bosh.ConfigVersion{}, fmt.Errorf("%w; it may be stored all the same: repeat it", why)
}

// withdraw deletes the version of a loser.
func (w *configWrite) withdraw(ctx context.Context, id string) error {
	k := w.client.wire.Call(ctx)
	_, _, err := k.Request().RawDelete("/configs/" + url.PathEscape(id)) //nolint:bodyclose // the library closes it
	err = k.Explain(err)
	if err == nil || errors.Is(err, bosh.ErrNotFound) {
		return bosh.ErrConfigChanged
	}
	return fmt.Errorf("%w, and version %s, which lost, is still there: %w; delete it with `bosh delete-config %s`", bosh.ErrConfigChanged, id, err, id)
}

// above lists the versions that are newer than the expected one, newest first.
func (w *configWrite) above(ctx context.Context) ([]bosh.ConfigVersion, error) {
	for limit := 10; ; limit *= 10 {
		query := url.Values{"type": {w.kind}, "name": {w.name}, "limit": {strconv.Itoa(limit)}}
		answers, err := transport.Get[[]director.Config](ctx, w.client.wire, "/configs?"+query.Encode())
		if err != nil {
			return nil, err
		}
		var above []bosh.ConfigVersion
		for _, a := range answers {
			if a.ID == w.expected {
				return above, nil
			}
			above = append(above, newConfigVersion(a))
		}
		switch {
		case len(answers) < limit && w.expected == noConfig:
			return above, nil
		case len(answers) < limit:
			return nil, nil // the expected one was deleted: whatever is there is not above it
		case limit >= lastPage:
			return nil, fmt.Errorf("version %s is not among the last %d", w.expected, limit)
		}
	}
}

// adjacent says whether no id lies between two. Ids that are not numbers may have
// anything between them.
func adjacent(low, high string) bool {
	a, errA := strconv.Atoi(low)
	b, errB := strconv.Atoi(high)
	return errA == nil && errB == nil && b == a+1
}

// sameContent compares YAML by its meaning: a director may write it in its own way.
func sameContent(a, b string) bool {
	if a == b {
		return true
	}
	var x, y any
	return yaml.Unmarshal([]byte(a), &x) == nil && yaml.Unmarshal([]byte(b), &y) == nil && x != nil && reflect.DeepEqual(x, y)
}

// pause waits, or fails with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
