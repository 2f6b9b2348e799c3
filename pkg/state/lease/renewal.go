package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// keep renews the lease until it ends.
func (l *Lease) keep() {
	defer close(l.kept)
	wait := l.ttl / 3
	for {
		timer := time.NewTimer(wait)
		select {
		case <-l.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		wait = l.ttl / 3
		switch err := l.renew(); {
		case errors.Is(err, state.ErrConflict):
			l.lose(err)
			return
		case err != nil:
			l.mu.Lock()
			l.failure = err
			l.mu.Unlock()
			wait = l.ttl / 15
			l.debug.Debug("lease not renewed", "left", l.remaining(), "again in", wait, "because", err.Error())
		default:
			l.debug.Debug("lease renewed", "left", l.remaining())
		}
	}
}

// renew writes the lease once more, in a third of the TTL at most.
func (l *Lease) renew() error {
	if err := l.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.ttl/3)
	defer cancel()
	l.mu.Lock()
	document, revision := l.document, l.revision
	l.mu.Unlock()
	document.Renewal++
	return l.write(ctx, document, revision)
}

// write puts document in the place of the given revision, and counts the TTL
// from before it was sent. It fails with state.ErrConflict when the lease is someone
// else's for certain. After any other failure it looks at what is there: only
// this lease writes its id, so a document with it is one of its own writes whose
// reply was lost.
func (l *Lease) write(ctx context.Context, document record, revision string) error {
	body, err := format.Encode(document)
	if err != nil {
		return err
	}
	for range 2 { // the second time at the revision of an own write whose reply was lost
		sent := l.clock()
		next, putErr := l.store.Put(ctx, l.name, body, revision)
		if putErr == nil {
			l.written(document, next, sent)
			return nil
		}
		found, err := l.find(ctx, putErr)
		switch {
		case err != nil:
			return err
		case string(found.Body) == string(body):
			l.written(document, found.Revision, sent)
			return nil
		case !errors.Is(putErr, state.ErrConflict):
			return putErr
		}
		var other record
		if err := format.Decode(l.name, found.Body, &other); err != nil {
			return err
		}
		if other.Released {
			return fmt.Errorf("it was unlocked: %w", state.ErrConflict)
		}
		if other.ID != document.ID {
			return fmt.Errorf("%s has it: %w", other.holder(), state.ErrConflict)
		}
		revision = found.Revision
	}
	return errors.New("an earlier renewal came in between")
}

// find reads what is there after a write that failed with putErr. Its error is
// state.ErrConflict only if that is certain.
func (l *Lease) find(ctx context.Context, putErr error) (state.Document, error) {
	found, err := l.store.Get(ctx, l.name)
	switch conflict := errors.Is(putErr, state.ErrConflict); {
	case err == nil:
		return found, nil
	case errors.Is(err, state.ErrNotFound) && conflict:
		return found, fmt.Errorf("its document is gone: %w", state.ErrConflict)
	case conflict:
		return found, fmt.Errorf("it was written meanwhile, by whom is not known: %w", err)
	}
	return found, putErr
}

// written notes a write that took effect.
func (l *Lease) written(document record, revision string, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.document, l.revision, l.failure = document, revision, nil
	l.deadline = sent.Add(l.ttl - l.ttl/10)
	if l.ctx.Err() == nil {
		l.expiry.Reset(l.deadline.Sub(l.clock()))
	}
}

// remaining is the time for which the lease is certain.
func (l *Lease) remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline.Sub(l.clock())
}

// expire ends the lease unless it was renewed at the last moment.
func (l *Lease) expire() {
	if left := l.remaining(); left > 0 {
		l.expiry.Reset(left)
		return
	}
	l.mu.Lock()
	failure := l.failure
	l.mu.Unlock()
	if failure == nil {
		failure = errors.New("no renewal came to an end")
	}
	l.lose(fmt.Errorf("not renewed for %s: %w", l.ttl-l.ttl/10, failure))
}

// lose ends the lease with the cause ErrLost.
func (l *Lease) lose(why error) {
	l.debug.Debug("lease lost", "because", why.Error())
	l.end(fmt.Errorf("lease %s: %w (%w)", l.name, ErrLost, why))
	l.expiry.Stop()
}
