package aws

import (
	"crypto/x509"
	"fmt"
	"os"
)

// CABundle is the text of the file that AWS_CA_BUNDLE names, whose certificates are to be
// trusted instead of the system's, as the AWS CLI has it; "" where it names none. They count
// for every endpoint, also for one that is not Amazon's. It fails where the file has no
// certificate: who names one does not want the system's.
func CABundle(env func(name string) string) (string, error) {
	file := env("AWS_CA_BUNDLE")
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read AWS_CA_BUNDLE: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return "", fmt.Errorf("read AWS_CA_BUNDLE: no certificate in PEM form found in %s", file)
	}
	return string(text), nil
}
