// Writes the certificates of the kubeconfig tests into a folder.
//
// They have what Go's TLS accepts and others may refuse: an authority without the
// extensions that RFC 5280 demands, and a chain of which only the middle is trusted.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

type pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

var folder = os.Args[1]
var serial int64 = 1

func main() {
	authority := issue("ca", ca("authority"), nil)
	issue("server", server("localhost", "one.test", "two.test"), authority)
	issue("renamed", server("other.test"), authority)
	issue("unnamed", server(), authority)
	expired := server("localhost")
	expired.NotBefore = time.Now().Add(-48 * time.Hour)
	expired.NotAfter = time.Now().Add(-24 * time.Hour)
	issue("expired", expired, authority)
	issue("alice", client("alice"), authority)
	issue("bob", client("bob"), authority)

	old := ca("old authority")
	old.KeyUsage = 0
	old.SubjectKeyId = []byte{}
	issue("old-server", server("localhost"), issue("old-ca", old, nil))

	root := issue("root", ca("root"), nil)
	middle := issue("middle", ca("middle"), root)
	issue("middle-server", server("localhost"), middle)

	encrypted("alice")
}

func ca(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func server(names ...string) *x509.Certificate {
	certificate := &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: names,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if len(names) > 0 && names[0] == "localhost" {
		certificate.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	return certificate
}

func client(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func issue(file string, template *x509.Certificate, issuer *pair) *pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	serial++
	template.SerialNumber = big.NewInt(serial)
	if template.NotBefore.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
		template.NotAfter = time.Now().Add(100 * 24 * time.Hour)
	}
	if issuer == nil {
		issuer = &pair{template, key}
	}
	der, err := x509.CreateCertificate(
		rand.Reader, template, issuer.certificate, &key.PublicKey, issuer.key)
	check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	write(file+".crt", &pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(file+".key", &pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	parsed, err := x509.ParseCertificate(der)
	check(err)
	return &pair{parsed, key}
}

func encrypted(file string) {
	text, err := os.ReadFile(filepath.Join(folder, file+".key"))
	check(err)
	block, _ := pem.Decode(text)
	//lint:ignore SA1019 such keys are still in use
	locked, err := x509.EncryptPEMBlock(
		rand.Reader, "EC PRIVATE KEY", block.Bytes, []byte("secret"), x509.PEMCipherAES256)
	check(err)
	write(file+"-locked.key", locked)
}

func write(name string, block *pem.Block) {
	check(os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
