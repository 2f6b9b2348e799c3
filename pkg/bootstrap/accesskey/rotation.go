// Package accesskey gives the users with whose access keys a pipeline works their keys, and
// replaces these: a key is made, waited for, written to a parameter, and the older one is
// deleted once nothing works with it any more. Whatever moment a run ends at, the next one
// goes on from there.
package accesskey

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
	// age is how old an access key becomes before it is replaced.
	age = 30 * 24 * time.Hour
	// most is how many keys IAM lets a user have.
	most = 2
	// tries is how often AWS is asked whether it knows a new key, which takes seconds.
	tries = 30
)

// Account is where users and parameters are; an *account.Account is one.
type Account interface {
	// AccessKeys lists the keys of a user; it fails with aws.ErrNotFound.
	AccessKeys(ctx context.Context, user string) ([]account.AccessKey, error)
	// TryAccessKey fails with aws.ErrCredentials while AWS does not know a key.
	TryAccessKey(ctx context.Context, id, key secret.Value) error
	// NewAccessKey makes a key; its secret is told once.
	NewAccessKey(ctx context.Context, user string) (id, key secret.Value, err error)
	// DeleteAccessKey deletes a key; one that is gone is not an error.
	DeleteAccessKey(ctx context.Context, user, id string) error
	// Keys are the credentials of this run, which are not deleted.
	Keys(ctx context.Context) (aws.Credentials, error)
	// GetParameter reads a parameter; it fails with aws.ErrNotFound.
	GetParameter(ctx context.Context, name string) (secret.Value, error)
	// PutParameter writes one when it differs.
	PutParameter(ctx context.Context, name string, value secret.Value, tags map[string]string) (changed bool, err error)
}

// Holder is a user whose key is in a parameter.
type Holder struct {
	User      string // "perpetual-ci-PipelineUser-ABC"
	Parameter string // "/perpetual-own/ci/aws_key"
}

// Rotation looks after the keys of some users.
type Rotation struct {
	Account Account
	Holders []Holder
	Tags    map[string]string     // of the parameters that are written
	Mask    func(...secret.Value) // hides what is read and made in all output
	Now     func() time.Time
	Poll    time.Duration // between two questions whether AWS knows a key
}

// Standing is what there is of a user's keys.
type Standing struct {
	Key manifest.Key // in the parameter, if the user still has it; else the zero value
	Old bool         // that key is to be replaced
	all []account.AccessKey
}

// renews says whether Renew makes a key.
func (s Standing) renews() bool { return s.Key.ID == "" || s.Old }

// superseded says whether Retire deletes a key that Renew has left.
func (s Standing) superseded(k account.AccessKey) bool {
	stored := k.ID == s.Key.ID
	switch {
	case !s.renews():
		return !stored
	case len(s.all) >= most: // Renew makes room for the new key, with those that are not stored
		return stored
	}
	return true
}

// Look says what there is of a user's keys.
func (r Rotation) Look(ctx context.Context, h Holder) (Standing, error) {
	value, err := r.Account.GetParameter(ctx, h.Parameter)
	if err != nil && !errors.Is(err, aws.ErrNotFound) {
		return Standing{}, err
	}
	key := manifest.ParseKey(value)
	r.Mask(value, key.Secret)
	s := Standing{}
	if s.all, err = r.Account.AccessKeys(ctx, h.User); err != nil {
		return Standing{}, err
	}
	if i := slices.IndexFunc(s.all, func(k account.AccessKey) bool { return k.ID == key.ID }); i >= 0 {
		s.Key, s.Old = key, r.Now().Sub(s.all[i].Made) >= age
	}
	return s, nil
}

// Renew gives every user a key that has none, or an old one, and writes it down. The
// older one goes on working until Retire, since what runs now may work with it. It
// names the users.
func (r Rotation) Renew(ctx context.Context) (users []string, err error) {
	for _, h := range r.Holders {
		s, err := r.Look(ctx, h)
		if err != nil {
			return users, err
		}
		if !s.renews() {
			continue
		}
		if err := r.renew(ctx, h, s); err != nil {
			return users, err
		}
		users = append(users, h.User)
	}
	return users, nil
}

// renew makes a key, and stores it when AWS knows it.
func (r Rotation) renew(ctx context.Context, h Holder, s Standing) error {
	if len(s.all) >= most {
		// One whose secret nobody knows, of a run that was killed before it wrote it down.
		if err := r.drop(ctx, h, s); err != nil {
			return err
		}
	}
	id, key, err := r.Account.NewAccessKey(ctx, h.User)
	if err != nil {
		return err
	}
	text := manifest.Key{ID: id.Reveal(), Secret: key}.Text()
	r.Mask(key, text)
	if err := r.await(ctx, id, key); err != nil {
		return fmt.Errorf("%w; the next run makes another key", err)
	}
	if _, err := r.Account.PutParameter(ctx, h.Parameter, text, r.Tags); err != nil {
		return fmt.Errorf("%w; the next run makes another key", err)
	}
	crash.Here("access-key-stored")
	return nil
}

// await waits until AWS knows a key.
func (r Rotation) await(ctx context.Context, id, key secret.Value) error {
	for range tries {
		if err := r.Account.TryAccessKey(ctx, id, key); !errors.Is(err, aws.ErrCredentials) {
			return err
		}
		timer := time.NewTimer(r.Poll)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
	return fmt.Errorf("AWS does not know access key %s, which it has just made", id.Reveal())
}

// Retire deletes the keys that no parameter has, once Concourse has the one that a
// parameter has. A pipeline leaves the one that it works with itself to the next run.
func (r Rotation) Retire(ctx context.Context) error {
	for _, h := range r.Holders {
		s, err := r.Look(ctx, h)
		if err != nil {
			return err
		}
		if s.Key.ID == "" {
			continue
		}
		if err := r.drop(ctx, h, s); err != nil {
			return err
		}
	}
	return nil
}

// Idle are those that Retire would delete after Renew: "AKIA… of perpetual-ci-ReaderUser-ABC".
func (r Rotation) Idle(ctx context.Context) (idle []string, err error) {
	mine, err := r.Account.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the access key of this run: %w", err)
	}
	for _, h := range r.Holders {
		s, err := r.Look(ctx, h)
		if err != nil {
			return nil, err
		}
		for _, k := range s.all {
			if s.superseded(k) && k.ID != mine.AccessKey {
				idle = append(idle, k.ID+" of "+h.User)
			}
		}
	}
	return idle, nil
}

// drop deletes a user's keys but that of the parameter and that of this run.
func (r Rotation) drop(ctx context.Context, h Holder, s Standing) error {
	if len(s.all) == 0 || len(s.all) == 1 && s.all[0].ID == s.Key.ID {
		return nil
	}
	mine, err := r.Account.Keys(ctx)
	if err != nil {
		return fmt.Errorf("find the access key of this run: %w", err)
	}
	for _, k := range s.all {
		if k.ID == s.Key.ID || k.ID == mine.AccessKey {
			continue
		}
		if err := r.Account.DeleteAccessKey(ctx, h.User, k.ID); err != nil {
			return err
		}
	}
	return nil
}

// Planned says which keys a deploy would make.
func (r Rotation) Planned(ctx context.Context) (lines []string, err error) {
	for _, h := range r.Holders {
		s, err := r.Look(ctx, h)
		switch {
		case err != nil:
			return nil, err
		case s.Key.ID == "":
			lines = append(lines, "+ an access key of "+h.User)
		case s.Old:
			lines = append(lines, fmt.Sprintf("~ the access key of %s, which is older than %d days", h.User, int(age.Hours()/24)))
		}
	}
	return lines, nil
}

// Delete takes the keys from the users, which could not be deleted with them.
func (r Rotation) Delete(ctx context.Context) error {
	for _, h := range r.Holders {
		keys, err := r.Account.AccessKeys(ctx, h.User)
		if errors.Is(err, aws.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := r.Account.DeleteAccessKey(ctx, h.User, k.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
