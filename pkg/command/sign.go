package command

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/signature"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

const signHelp = `perpetual sign writes the signed statement of a release of Perpetual: its version,
and the digests of its images and files. A running Perpetual takes a newer one only
with such a statement among the files of its release.

Usage:
  perpetual sign --key FILE --version VERSION --image resource=sha256:… --image installer=sha256:… [FILE…]

Flags:
      --key FILE             an Ed25519 private key in PEM; again for a second signature
      --version VERSION      of the release, without v: 1.3.0
      --image NAME=DIGEST    of the images resource and installer, as the registry has it

The statement is perpetual-VERSION.signed.json in the working directory; stdout has its
name, stderr the public keys, as versions.perpetual_keys takes them. Make a key with
  openssl genpkey -algorithm ed25519 -out key.pem
`

// maxKeyFile bounds a file with a private key, which has 119 bytes.
const maxKeyFile = 64 << 10

// signing is what is to be signed, and by which keys.
type signing struct {
	keys      []ed25519.PrivateKey
	statement signature.Statement
}

// SignVerb is the verb sign.
func SignVerb() Verb {
	return Verb{
		Name: "sign", Args: "--key FILE --version VERSION --image NAME=DIGEST… [FILE…]",
		Short: "sign what a release of Perpetual consists of; for maintainers", Run: runSign,
	}
}

// runSign writes the signed statement of a release.
func runSign(_ context.Context, c *Call) error {
	s, err := c.signing(time.Now())
	if errors.Is(err, flag.ErrHelp) {
		_, err = fmt.Fprint(c.Out, signHelp)
		return err
	}
	if err != nil {
		return fmt.Errorf("sign: %w; nothing was written", err)
	}
	text, err := signature.Sign(s.statement, s.keys...)
	if err != nil {
		return fmt.Errorf("%w; nothing was written", err)
	}
	name := signature.Name(s.statement.Version)
	if err := os.WriteFile(name, text, 0o644); err != nil { //nolint:gosec // it is published
		return fmt.Errorf("sign: %w", err)
	}
	for _, key := range s.keys {
		public, _ := key.Public().(ed25519.PublicKey)
		line, err := signature.Line(public)
		if err != nil {
			return fmt.Errorf("sign: %w", err)
		}
		c.Notify(fmt.Sprintf("signed by %s, whose public key is %s", signature.ID(public), line))
	}
	_, err = fmt.Fprintln(c.Out, name)
	return err
}

// signing reads the arguments, the keys, and the digests of the files. Its error is
// flag.ErrHelp for a wish for help.
func (c *Call) signing(now time.Time) (signing, error) {
	s := signing{statement: signature.Statement{Made: now.Truncate(time.Second), Images: map[string]string{}, Files: map[string]string{}}}
	flags := flag.NewFlagSet("sign", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.statement.Version, "version", "", "of the release")
	flags.Func("key", "a private key", func(path string) error {
		key, err := c.privateKey(path)
		s.keys = append(s.keys, key)
		return err
	})
	flags.Func("image", "digest of an image", func(text string) error {
		name, digest, _ := strings.Cut(text, "=")
		if name != signature.Resource && name != signature.Installer {
			return errors.New("want resource=sha256:… or installer=sha256:…")
		}
		s.statement.Images[name] = digest
		return signature.Digest(digest)
	})
	if err := flags.Parse(c.Args); err != nil {
		return s, err
	}
	if _, err := version.Parse(s.statement.Version); err != nil || strings.HasPrefix(s.statement.Version, "v") {
		return s, fmt.Errorf("want --version with a version like 1.3.0, got %q", s.statement.Version)
	}
	if len(s.keys) == 0 {
		return s, errors.New("want --key with the file of a private key; try sign --help")
	}
	for _, path := range flags.Args() {
		name := filepath.Base(path)
		if _, twice := s.statement.Files[name]; twice {
			return s, fmt.Errorf("two files are called %s, and a release has one of a name", name)
		}
		digest, err := digestOf(path)
		if err != nil {
			return s, err
		}
		s.statement.Files[name] = digest
	}
	return s, nil
}

// privateKey reads a private key, which no output shows from then on.
func (c *Call) privateKey(path string) (ed25519.PrivateKey, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, err
	}
	c.Mask(secret.New(string(text)))
	key, err := signature.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// digestOf is the digest of a file, "sha256:…".
func digestOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}
