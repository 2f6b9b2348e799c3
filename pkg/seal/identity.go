package seal

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// identityPrefix begins the identity of an age file.
const identityPrefix = "AGE-SECRET-KEY-1"

// maxIdentity bounds the file of an identity, which has some 250 bytes.
const maxIdentity = 1 << 16

// signingInfo sets the signing key apart from whatever else is derived from an identity.
const signingInfo = "perpetual operator signing key, schema 1"

// Identity is a key that reads what is encrypted to it, and signs. It is kept as the
// file of an age identity, with which age itself decrypts, too; the signing key is
// derived from it. It implements Signer.
type Identity struct {
	age    *age.X25519Identity
	sign   ed25519.PrivateKey
	origin Origin
}

// NewIdentity makes a key on a host.
func NewIdentity(host string, now time.Time) (Identity, error) {
	made, err := age.GenerateX25519Identity()
	if err != nil {
		return Identity{}, fmt.Errorf("generate a key: %w", err)
	}
	return newIdentity(made, Origin{Host: clean(host), Date: now.UTC().Format(time.DateOnly)})
}

// newIdentity derives the signing key.
func newIdentity(key *age.X25519Identity, origin Origin) (Identity, error) {
	seed, err := hkdf.Key(sha256.New, []byte(key.String()), nil, signingInfo, ed25519.SeedSize)
	if err != nil {
		return Identity{}, fmt.Errorf("derive the signing key: %w", err)
	}
	return Identity{age: key, sign: ed25519.NewKeyFromSeed(seed), origin: origin}, nil
}

// clean keeps a host's name on the line that it is written on.
func clean(host string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '-'
		}
		return r
	}, host)
}

// ParseIdentity reads the text of an identity file, or the identity alone. Its errors
// show nothing of it.
func ParseIdentity(text string) (Identity, error) {
	var origin Origin
	var found string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		comment, isComment := strings.CutPrefix(line, "#")
		switch name, value, _ := strings.Cut(strings.TrimSpace(comment), ": "); {
		case isComment && name == "host":
			origin.Host = clean(value)
		case isComment && name == "created":
			origin.Date = clean(value)
		case isComment, line == "":
		case found != "" || !strings.HasPrefix(line, identityPrefix):
			return Identity{}, errors.New("read the key: want comments and one line AGE-SECRET-KEY-1…")
		default:
			found = line
		}
	}
	if found == "" {
		return Identity{}, errors.New("read the key: it has no line AGE-SECRET-KEY-1…")
	}
	key, err := age.ParseX25519Identity(found)
	if err != nil {
		return Identity{}, errors.New("read the key: the line AGE-SECRET-KEY-1… is damaged")
	}
	return newIdentity(key, origin)
}

// IsIdentity says whether a text is an identity itself, or all of its file, and not the
// name of that.
func IsIdentity(text string) bool {
	return strings.Contains(strings.ToUpper(text), strings.TrimSuffix(identityPrefix, "1"))
}

// ReadIdentity reads an identity's file. One that others may read is refused.
func ReadIdentity(path string) (Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Identity{}, fmt.Errorf("read the key: %w", err)
	}
	switch {
	case !info.Mode().IsRegular() || info.Size() > maxIdentity:
		return Identity{}, fmt.Errorf("read the key: %s is not the file of a key", path)
	case info.Mode().Perm()&0o077 != 0:
		return Identity{}, fmt.Errorf("read the key: others may read %s (mode %04o): chmod 600 %s, and think about who may have read it", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Identity{}, fmt.Errorf("read the key: %w", err)
	}
	i, err := ParseIdentity(string(text))
	if err != nil {
		return Identity{}, fmt.Errorf("%s: %w", path, err)
	}
	return i, nil
}

// WriteIdentity keeps an identity in a new file for its owner only. A file that is there
// is never written over: it fails with fs.ErrExist.
func WriteIdentity(path string, i Identity, comment string) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = errors.Join(fmt.Errorf("write the key: %w", err), os.Remove(path))
		}
	}()
	text := fmt.Sprintf("# %s\n# host: %s\n# created: %s\n# public key: %s\n# signs as: %s\n%s\n",
		comment, i.origin.Host, i.origin.Date, i.Recipient(), i.Public(), i.age)
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	return file.Sync()
}

// Reveal is the identity as text, for who keeps it.
func (i Identity) Reveal() secret.Value {
	if i.age == nil {
		return secret.Value{}
	}
	return secret.New(i.age.String())
}

// Recipient is to whom one encrypts what this identity reads: "age1…".
func (i Identity) Recipient() string {
	if i.age == nil {
		return ""
	}
	return i.age.Recipient().String()
}

// Public implements Signer.
func (i Identity) Public() PublicKey {
	if i.sign == nil {
		return PublicKey{}
	}
	public, _ := i.sign.Public().(ed25519.PublicKey)
	return PublicKey{kindEd25519, public}
}

// Origin implements Signer.
func (i Identity) Origin() Origin { return i.origin }

// Sign implements Signer.
func (i Identity) Sign(_ context.Context, message []byte) ([]byte, error) {
	if i.sign == nil {
		return nil, fs.ErrInvalid
	}
	return ed25519.Sign(i.sign, message), nil
}

// Empty reports whether i is the zero value, which holds no key.
func (i Identity) Empty() bool { return i.age == nil }

// String hides the identity: only its id is shown.
func (i Identity) String() string { return "key " + i.Public().ID() }

// GoString hides the identity.
func (i Identity) GoString() string { return i.String() }
