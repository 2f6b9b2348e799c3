package aws

import (
	"fmt"
	"os"
)

// CABundle is the text of the file that AWS_CA_BUNDLE names, whose certificates are to be
// trusted instead of the system's, as the AWS CLI has it; "" where it names none.
func CABundle(env func(name string) string) (string, error) {
	file := env("AWS_CA_BUNDLE")
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read AWS_CA_BUNDLE: %w", err)
	}
	return string(text), nil
}
