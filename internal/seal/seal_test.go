package seal_test

import (
	"strings"
	"testing"

	"fsgateway/internal/seal"
)

func TestSeal(t *testing.T) {
	t.Parallel()
	const text = "a token that nobody may read"
	plain := []byte(text)
	old := seal.New(strings.Repeat("old ", 8))
	sealed, err := old.Seal("session", plain)
	if err != nil || string(plain) != text {
		t.Fatalf("%v, and the plain text is now %q", err, plain)
	}
	if again, _ := old.Seal("session", plain); again == sealed || strings.Contains(sealed, text) {
		t.Error("the same text looks the same")
	}
	rotated := seal.New(strings.Repeat("new ", 8), strings.Repeat("old ", 8))
	for name, k := range map[string]*seal.Keys{"own": old, "rotated": rotated} {
		if got, err := k.Open("session", sealed); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	fresh, err := rotated.Seal("session", plain)
	if err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"AnotherPurpose": func() ([]byte, error) { return old.Open("login", sealed) },
		"AnotherKey":     func() ([]byte, error) { return old.Open("session", fresh) },
		"RandomKey":      func() ([]byte, error) { return seal.New().Open("session", sealed) },
		"Truncated":      func() ([]byte, error) { return old.Open("session", sealed[:len(sealed)-4]) },
		"Altered":        func() ([]byte, error) { return old.Open("session", "A"+sealed[1:]) },
		"Nothing":        func() ([]byte, error) { return old.Open("session", "") },
	} {
		if got, err := open(); err == nil || strings.Contains(err.Error(), text) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestName: gateways with the same first secret agree, and nobody else.
func TestName(t *testing.T) {
	t.Parallel()
	one, other := strings.Repeat("a", 32), strings.Repeat("b", 32)
	name := seal.New(one).Name("clinic")
	if len(name) != 32 || strings.Contains(name, "clinic") || seal.New(one, other).Name("clinic") != name {
		t.Errorf("the name is %s", name)
	}
	for _, k := range []*seal.Keys{seal.New(other), seal.New(other, one), seal.New()} {
		if k.Name("clinic") == name {
			t.Error("another secret gives the same name")
		}
	}
	if seal.New(one).Name("clinics") == name {
		t.Error("another text has the same name")
	}
}

// TestFollow: what is sealed follows the secrets as they are, and names do not.
func TestFollow(t *testing.T) {
	t.Parallel()
	secrets := []string{strings.Repeat("a", seal.MinSecret)}
	k := seal.New(secrets...)
	k.Follow(func() []string { return secrets })
	name := k.Name("x")
	old, err := k.Seal("test", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	opens := func(sealed string) bool {
		plain, err := k.Open("test", sealed)
		return err == nil && string(plain) == "text"
	}
	secrets = []string{strings.Repeat("b", seal.MinSecret), secrets[0]}
	fresh, err := k.Seal("test", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	if !opens(old) || !opens(fresh) {
		t.Error("with both secrets not everything opens")
	}
	secrets = secrets[:1]
	if opens(old) || !opens(fresh) {
		t.Error("with the new secret alone the old one counts")
	}
	if k.Name("x") != name {
		t.Error("names have changed")
	}
}
