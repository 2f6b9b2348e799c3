package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	// keyAge is how old an access key becomes before it is replaced.
	keyAge = 30 * 24 * time.Hour
	// mostKeys is how many keys IAM lets a user have.
	mostKeys = 2
	// keyTries is how often AWS is asked whether it knows a new key, which takes seconds.
	keyTries = 30
)

// keyHolder is a user whose key is in a parameter.
type keyHolder struct {
	user      string // "perpetual-ci-PipelineUser-ABC"
	parameter string // "/perpetual-own/ci/aws_key"
}

// keyHolders are the users whose keys the pipeline works with: its own one, where AWS
// cannot reach Concourse to trust its identity tokens, and the reader of its variables.
func (r *run) keyHolders(in manifest.Input) (list []keyHolder) {
	for _, h := range []keyHolder{{r.infra.PipelineUser, manifest.PipelineKey}, {r.infra.ReaderUser, manifest.ReaderKey}} {
		if h.user != "" {
			list = append(list, keyHolder{h.user, manifest.OwnPath(in) + "/" + h.parameter})
		}
	}
	return list
}

// keyStanding is what there is of a user's keys.
type keyStanding struct {
	stored string       // id of the key in the parameter that the user still has; "" for none
	key    manifest.Key // with that id
	old    bool         // that key is to be replaced
	all    []account.AccessKey
}

// lookAtKey says what there is of a user's keys.
func (r *run) lookAtKey(ctx context.Context, h keyHolder) (keyStanding, error) {
	value, err := r.parameter(ctx, h.parameter)
	if err != nil {
		return keyStanding{}, err
	}
	key := manifest.ParseKey(value)
	r.Mask(value, key.Secret)
	s := keyStanding{}
	if s.all, err = r.Account.AccessKeys(ctx, h.user); err != nil {
		return keyStanding{}, err
	}
	if i := slices.IndexFunc(s.all, func(k account.AccessKey) bool { return k.ID == key.ID }); i >= 0 {
		s.stored, s.key, s.old = key.ID, key, r.now().Sub(s.all[i].Made) >= keyAge
	}
	return s, nil
}

// renewKeys gives every user a key that has none, or an old one, and writes it down. The
// older one goes on working until retireKeys, since what runs now may work with it. It
// names the users.
func (r *run) renewKeys(ctx context.Context, in manifest.Input) (users []string, err error) {
	for _, h := range r.keyHolders(in) {
		s, err := r.lookAtKey(ctx, h)
		if err != nil {
			return users, err
		}
		if s.stored != "" && !s.old {
			continue
		}
		if err := r.renewKey(ctx, h, s); err != nil {
			return users, err
		}
		users = append(users, h.user)
	}
	return users, nil
}

// renewKey makes a key, and stores it when AWS knows it.
func (r *run) renewKey(ctx context.Context, h keyHolder, s keyStanding) error {
	if len(s.all) >= mostKeys {
		// One whose secret nobody knows, of a run that was killed before it wrote it down.
		if err := r.dropKeys(ctx, h, s); err != nil {
			return err
		}
	}
	id, key, err := r.Account.NewAccessKey(ctx, h.user)
	if err != nil {
		return err
	}
	text := manifest.Key{ID: id.Reveal(), Secret: key}.Text()
	r.Mask(key, text)
	if err := r.awaitKey(ctx, id, key); err != nil {
		return fmt.Errorf("%w; the next run makes another key", err)
	}
	if _, err := r.putParameter(ctx, h.parameter, text); err != nil {
		return fmt.Errorf("%w; the next run makes another key", err)
	}
	crash.Here("access-key-stored")
	return nil
}

// awaitKey waits until AWS knows a key.
func (r *run) awaitKey(ctx context.Context, id, key secret.Value) error {
	for range keyTries {
		if err := r.Account.TryAccessKey(ctx, id, key); !errors.Is(err, aws.ErrCredentials) {
			return err
		}
		timer := time.NewTimer(r.poll())
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
	return fmt.Errorf("AWS does not know access key %s, which it has just made", id.Reveal())
}

// retireKeys deletes the keys that no parameter has, once Concourse has the one that a
// parameter has. A pipeline leaves the one that it works with itself to the next run.
func (r *run) retireKeys(ctx context.Context, in manifest.Input) error {
	for _, h := range r.keyHolders(in) {
		s, err := r.lookAtKey(ctx, h)
		if err != nil {
			return err
		}
		if s.stored == "" {
			continue
		}
		if err := r.dropKeys(ctx, h, s); err != nil {
			return err
		}
	}
	return nil
}

// idleKeys are those that retireKeys would delete: "AKIA… of perpetual-ci-ReaderUser-ABC".
func (r *run) idleKeys(ctx context.Context, in manifest.Input) (idle []string, err error) {
	mine, err := r.Account.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the access key of this run: %w", err)
	}
	for _, h := range r.keyHolders(in) {
		s, err := r.lookAtKey(ctx, h)
		if err != nil {
			return nil, err
		}
		for _, k := range s.all {
			if s.stored != "" && k.ID != s.stored && k.ID != mine.AccessKey {
				idle = append(idle, k.ID+" of "+h.user)
			}
		}
	}
	return idle, nil
}

// dropKeys deletes a user's keys but that of the parameter and that of this run.
func (r *run) dropKeys(ctx context.Context, h keyHolder, s keyStanding) error {
	if len(s.all) == 0 || len(s.all) == 1 && s.all[0].ID == s.stored {
		return nil
	}
	mine, err := r.Account.Keys(ctx)
	if err != nil {
		return fmt.Errorf("find the access key of this run: %w", err)
	}
	for _, k := range s.all {
		if k.ID == s.stored || k.ID == mine.AccessKey {
			continue
		}
		if err := r.Account.DeleteAccessKey(ctx, h.user, k.ID); err != nil {
			return err
		}
	}
	return nil
}

// plannedKeys says which keys a deploy would make.
func (r *run) plannedKeys(ctx context.Context, in manifest.Input) (lines []string, err error) {
	for _, h := range r.keyHolders(in) {
		s, err := r.lookAtKey(ctx, h)
		switch {
		case err != nil:
			return nil, err
		case s.stored == "":
			lines = append(lines, "+ an access key of "+h.user)
		case s.old:
			lines = append(lines, fmt.Sprintf("~ the access key of %s, which is older than %d days", h.user, int(keyAge.Hours()/24)))
		}
	}
	return lines, nil
}

// deleteKeys takes the keys from the users, which could not be deleted with them.
func (r *run) deleteKeys(ctx context.Context) error {
	for _, h := range r.keyHolders(manifest.Input{Config: r.config, Infrastructure: r.infra}) {
		keys, err := r.Account.AccessKeys(ctx, h.user)
		if errors.Is(err, aws.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := r.Account.DeleteAccessKey(ctx, h.user, k.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
