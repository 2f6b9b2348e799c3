package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// maxPlain bounds what is decrypted: a document of the state has at most 8 MiB.
const maxPlain = 8 << 20

// ErrNotForUs says that a document is encrypted to others.
var ErrNotForUs = errors.New("it is encrypted to other keys")

// Encrypt encrypts a text to recipients, "age1…", as an age file in ASCII armour.
func Encrypt(text []byte, recipients ...string) (string, error) {
	list, err := parseRecipients(recipients)
	if err != nil {
		return "", err
	}
	return encrypt(text, list)
}

// encrypt is Encrypt for recipients of any kind.
func encrypt(text []byte, list []age.Recipient) (string, error) {
	var out bytes.Buffer
	armoured := armor.NewWriter(&out)
	w, err := age.Encrypt(armoured, list...)
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	if _, err = w.Write(text); err == nil {
		err = errors.Join(w.Close(), armoured.Close())
	}
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	return out.String(), nil
}

// Decrypt reads what was encrypted to this identity. It fails with ErrNotForUs.
func (i Identity) Decrypt(text string) ([]byte, error) {
	if i.Empty() {
		return nil, fmt.Errorf("decrypt: %w", ErrNotForUs)
	}
	return decrypt(text, i.age)
}

// decrypt is Decrypt for an identity of any kind.
func decrypt(text string, by age.Identity) ([]byte, error) {
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(text)), by)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, fmt.Errorf("decrypt: %w", ErrNotForUs)
	}
	if err != nil {
		return nil, errors.New("decrypt: it is damaged, or no age file")
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxPlain+1))
	if err != nil {
		return nil, errors.New("decrypt: it is damaged")
	}
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("decrypt: it has more than %d bytes", maxPlain)
	}
	return plain, nil
}
