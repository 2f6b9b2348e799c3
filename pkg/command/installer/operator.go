package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/file"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// The files of an operator, beside perpetual.yml.
const (
	keyFile  = ".operator-key"  // after the installation's name: the key
	seenFile = ".operator-seen" // the note of how the operator's documents were seen last
)

// What a self-upgrade has in its environment instead.
const (
	publicVariable   = environmentPrefix + "OPERATOR_PUBLIC_KEY"
	stateKeyVariable = environmentPrefix + "STATE_KEY"
)

// keyring is bootstrap.Operator on files.
type keyring struct {
	session *session
	ctx     context.Context // of the command, for the question
}

// operator is what keeps the operator's key. A self-upgrade in the pipeline finds none, and
// takes pipelineKeys.
func (s *session) operator(ctx context.Context) bootstrap.Operator { return &keyring{s, ctx} }

// pipelineKeys are what a self-upgrade has of the operator's.
func (s *session) pipelineKeys() bootstrap.Pipeline {
	return bootstrap.Pipeline{Public: s.Env(publicVariable), Identity: s.Env(stateKeyVariable)}
}

// Where implements bootstrap.Operator.
func (k *keyring) Where() string {
	if strings.Contains(k.given(), "\n") {
		return environmentPrefix + "OPERATOR_KEY" // whatever that is, it is not shown
	}
	return k.path()
}

// given is where the key was said to be; "" where nothing was said.
func (k *keyring) given() string { return k.session.flags.OperatorKey }

// path is the key's file.
func (k *keyring) path() string {
	if given := k.given(); given != "" && !seal.IsIdentity(given) {
		return given
	}
	return k.beside(keyFile)
}

// beside is a file of the operator's beside perpetual.yml.
func (k *keyring) beside(ending string) string {
	return filepath.Join(k.session.dir, k.session.config.Name+ending)
}

// Key implements bootstrap.Operator.
func (k *keyring) Key() (seal.Identity, error) {
	if given := k.given(); seal.IsIdentity(given) {
		key, err := seal.ParseIdentity(given)
		if err != nil {
			return seal.Identity{}, fmt.Errorf("%sOPERATOR_KEY: %w", environmentPrefix, err)
		}
		return key, nil
	}
	if strings.Contains(k.given(), "\n") {
		return seal.Identity{}, fmt.Errorf("%sOPERATOR_KEY: want the name of a file, or the key: comments and a line AGE-SECRET-KEY-1…", environmentPrefix)
	}
	key, err := seal.ReadIdentity(k.path())
	if errors.Is(err, fs.ErrNotExist) {
		return seal.Identity{}, fmt.Errorf("%w: %w", bootstrap.ErrNotFound, err)
	}
	return key, err
}

// Make implements bootstrap.Operator.
func (k *keyring) Make() (seal.Identity, error) {
	host, _ := os.Hostname()
	key, err := seal.NewIdentity(host, now())
	if err != nil {
		return seal.Identity{}, err
	}
	about := fmt.Sprintf("The operator's key of the Perpetual installation %s. Keep it secret, and keep a copy.", k.session.config.Name)
	return key, seal.WriteIdentity(k.path(), key, about)
}

// maxSeen bounds the note, which has some hundred bytes.
const maxSeen = 1 << 20

// Seen implements bootstrap.Operator.
func (k *keyring) Seen() (seen bootstrap.Seen, err error) {
	path := k.beside(seenFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	}
	if err == nil && len(text) > maxSeen {
		err = errors.New("it is too large")
	}
	if err == nil {
		err = json.Unmarshal(text, &seen)
	}
	if err != nil {
		return seen, fmt.Errorf("read the note of what was seen last, %s: %w; nothing was changed: delete that file, and the next run shows what is stored and asks again", path, err)
	}
	return seen, nil
}

// Saw implements bootstrap.Operator. The file is replaced whole.
func (k *keyring) Saw(seen bootstrap.Seen) error {
	path := k.beside(seenFile)
	if len(seen.Documents) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.MarshalIndent(seen, "", "  ")
	if err != nil {
		return err
	}
	return file.Replace(path, append(text, '\n'), 0o600)
}

// Accept implements bootstrap.Operator: it asks on a terminal.
func (k *keyring) Accept(question string, lines []string) (bool, error) {
	s := k.session
	_, asks := terminalOf(s.Terminal)
	_, answers := terminalOf(s.In)
	if !asks || !answers || s.flags.Output == "json" {
		return false, nil
	}
	for _, line := range append([]string{question}, lines...) {
		s.display.Say(line)
	}
	s.display.Say("Type yes to take it:")
	answer, err := s.answer(k.ctx)
	if k.ctx.Err() != nil {
		return false, fmt.Errorf("nothing was changed: %w", context.Cause(k.ctx))
	}
	if err != nil && answer == "" {
		return false, nil
	}
	return strings.TrimSpace(answer) == "yes", nil
}

// Signer implements bootstrap.Operator.
func (k *keyring) Signer(ctx context.Context, name string) (seal.Signer, error) {
	s := k.session
	if found := s.signers[name]; found != nil {
		return found, nil
	}
	in, err := s.accountOf(ctx, name)
	if err != nil {
		return nil, err
	}
	key, err := in.SigningKey(ctx, name)
	if err != nil {
		return nil, err
	}
	public, err := seal.NewP256(key.Public)
	if err != nil {
		return nil, err
	}
	if s.signers == nil {
		s.signers = map[string]seal.Signer{}
	}
	s.signers[name] = kmsSigner{key, public}
	return s.signers[name], nil
}

// accountOf is the account through which a key of KMS is asked: that of the installation,
// or, where it has none and before it is known, the one of the credentials, in the
// key's region.
func (s *session) accountOf(ctx context.Context, name string) (*account.Account, error) {
	if s.account != nil {
		return s.account, nil
	}
	region := ""
	if parts := strings.Split(name, ":"); len(parts) == 6 {
		region = parts[3]
	} else if s.config.AWS != nil {
		region = s.config.AWS.Region
	}
	return account.Open(ctx, account.Options{Region: region, Notify: s.Notify, Env: s.Env})
}

// kmsSigner is seal.Signer with a key of KMS.
type kmsSigner struct {
	key    *account.SigningKey
	public seal.PublicKey
}

// Public implements seal.Signer.
func (k kmsSigner) Public() seal.PublicKey { return k.public }

// Origin implements seal.Signer.
func (k kmsSigner) Origin() seal.Origin { return seal.Origin{Host: k.key.ARN} }

// Sign implements seal.Signer.
func (k kmsSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	return k.key.Sign(ctx, message)
}

// Wrapper implements bootstrap.Operator.
func (k *keyring) Wrapper(ctx context.Context, name string) (seal.Wrapper, error) {
	s := k.session
	if found := s.wrappers[name]; found != nil {
		return found, nil
	}
	in, err := s.accountOf(ctx, name)
	if err != nil {
		return nil, err
	}
	key, err := in.EncryptionKey(ctx, name)
	if err != nil {
		return nil, err
	}
	if s.wrappers == nil {
		s.wrappers = map[string]seal.Wrapper{}
	}
	made := kmsWrapper{key}
	s.wrappers[name], s.wrappers[key.ARN] = made, made
	return made, nil
}

// kmsWrapper is seal.Wrapper with a key of KMS.
type kmsWrapper struct{ key *account.EncryptionKey }

// Name implements seal.Wrapper.
func (k kmsWrapper) Name() string { return k.key.ARN }

// contextOf is what KMS binds the key of a document to. The installer's policy asks for
// the first of them.
func contextOf(at seal.Place) map[string]string {
	return map[string]string{ownerTag: at.Installation, "perpetual:document": at.Document}
}

// Wrap implements seal.Wrapper.
func (k kmsWrapper) Wrap(ctx context.Context, at seal.Place, key []byte) ([]byte, error) {
	return k.key.Encrypt(ctx, key, contextOf(at))
}

// Unwrap implements seal.Wrapper.
func (k kmsWrapper) Unwrap(ctx context.Context, at seal.Place, wrapped []byte) ([]byte, error) {
	return k.key.Decrypt(ctx, wrapped, contextOf(at))
}
