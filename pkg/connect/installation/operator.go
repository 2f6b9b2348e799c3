package installation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/file"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// The files of an operator, beside perpetual.yml.
const (
	keyFile  = ".operator-key"  // after the installation's name: the key
	seenFile = ".operator-seen" // the note of how the operator's documents were seen last
)

// operatorVariable may hold the operator's key itself.
const operatorVariable = "PERPETUAL_OPERATOR_KEY"

// What a self-upgrade has in its environment instead.
const (
	publicVariable   = "PERPETUAL_OPERATOR_PUBLIC_KEY"
	stateKeyVariable = "PERPETUAL_STATE_KEY"
)

// Variables are the names of the environment variables that this package reads.
func Variables() []string { return []string{publicVariable, stateKeyVariable} }

// Keyring says where the operator's key is, and who is asked.
type Keyring struct {
	Given string // the key's file, or the key itself; default: beside perpetual.yml
	Dir   string // that of perpetual.yml
	// Ask asks a person whether something is to be taken, and says so; false where nobody
	// is there.
	Ask func(ctx context.Context, question string, lines []string) (bool, error)
	Now func() time.Time
}

// operator is keyring.Operator on files and keys of KMS. A self-upgrade in the pipeline
// finds none, and takes pipelineKeys.
type operator struct {
	*Connector
	ctx context.Context // of the command, for the question
}

// pipelineKeys are what a self-upgrade has of the operator's.
func (c *Connector) pipelineKeys() keyring.Pipeline {
	return keyring.Pipeline{Public: c.Env(publicVariable), Identity: c.Env(stateKeyVariable)}
}

// Where implements keyring.Operator.
func (k *operator) Where() string {
	if strings.Contains(k.given(), "\n") {
		return operatorVariable // whatever that is, it is not shown
	}
	return k.path()
}

// given is where the key was said to be; "" where nothing was said.
func (k *operator) given() string { return k.Keyring.Given }

// path is the key's file.
func (k *operator) path() string {
	if given := k.given(); given != "" && !seal.IsIdentity(given) {
		return given
	}
	return k.beside(keyFile)
}

// beside is a file of the operator's beside perpetual.yml.
func (k *operator) beside(ending string) string {
	return filepath.Join(k.Keyring.Dir, k.Config.Name+ending)
}

// Key implements keyring.Operator.
func (k *operator) Key() (seal.Identity, error) {
	if given := k.given(); seal.IsIdentity(given) {
		key, err := seal.ParseIdentity(given)
		if err != nil {
			return seal.Identity{}, fmt.Errorf("%s: %w", operatorVariable, err)
		}
		return key, nil
	}
	if strings.Contains(k.given(), "\n") {
		return seal.Identity{}, fmt.Errorf("%s: want the name of a file, or the key: comments and a line AGE-SECRET-KEY-1…", operatorVariable)
	}
	key, err := seal.ReadIdentity(k.path())
	if errors.Is(err, fs.ErrNotExist) {
		return seal.Identity{}, fmt.Errorf("%w: %w", keyring.ErrNoKey, err)
	}
	return key, err
}

// Make implements keyring.Operator.
func (k *operator) Make() (seal.Identity, error) {
	host, _ := os.Hostname()
	key, err := seal.NewIdentity(host, k.Keyring.Now())
	if err != nil {
		return seal.Identity{}, err
	}
	about := fmt.Sprintf("The operator's key of the Perpetual installation %s. Keep it secret, and keep a copy.", k.Config.Name)
	return key, seal.WriteIdentity(k.path(), key, about)
}

// maxSeen bounds the note, which has some hundred bytes.
const maxSeen = 1 << 20

// Seen implements keyring.Operator.
func (k *operator) Seen() (seen keyring.Seen, err error) {
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

// Saw implements keyring.Operator. The file is replaced whole.
func (k *operator) Saw(seen keyring.Seen) error {
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

// Accept implements keyring.Operator.
func (k *operator) Accept(question string, lines []string) (bool, error) {
	return k.Keyring.Ask(k.ctx, question, lines)
}
