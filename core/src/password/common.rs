//! Passwords that everybody tries first.
//!
//! A short list of the most common ones that the policy's length would let through, gathered from what is published
//! about every breach. Lower case, sorted; `binary_search` needs it so.

/// Whether a password, in lower case, is among the most common ones.
pub(super) fn is_common(folded: &str) -> bool {
    COMMON.binary_search(&folded).is_ok()
}

#[rustfmt::skip]
const COMMON: &[&str] = &[
    "!qaz1qaz", "!qaz2wsx", "00000000", "000000000", "0000000000", "0123456789", "0987654321", "11111111",
    "111111111", "1111111111", "11223344", "1122334455", "112233445566", "12121212", "123123123", "123321123",
    "12341234", "12344321", "123454321", "1234554321", "12345678", "123456789", "1234567890", "12345678910",
    "123456789a", "123456789q", "12345678a", "12345678q", "1234567a", "1234567q", "123456aa", "123456abc",
    "123456qwerty", "1234qwer", "123qwe123", "123qweasd", "123qweasdzxc", "147258369", "147852369", "159753456",
    "1q2w3e4r", "1q2w3e4r5t", "1q2w3e4r5t6y", "1qaz2wsx", "1qaz2wsx3edc", "1qaz@wsx", "1qazxsw2", "1qw23er4",
    "22222222", "27182818", "2wsx3edc", "31415926", "314159265", "3141592654", "33333333", "44444444", "5201314520",
    "55555555", "66666666", "741852963", "77777777", "789456123", "789456123a", "87654321", "88888888", "888888888",
    "963852741", "987654321", "9876543210", "99999999", "999999999", "a1234567", "a12345678", "a123456789",
    "a1b2c3d4", "a1b2c3d4e5", "a5201314", "aa123456", "aa12345678", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaaaa", "abc12345",
    "abc123456", "abc123456789", "abc123abc", "abcabcabc", "abcd1234", "abcdefg1", "abcdefgh", "abcdefghi",
    "abcdefghij", "abracadabra", "admin123", "admin1234", "admin12345", "admin123456", "admin@123", "adminadmin",
    "administrator", "administrator1", "alejandra", "alejandro", "alexander", "alexandra", "alhamdulillah",
    "allahuakbar", "anthony1", "anything", "arsenal1", "arsenal123", "asd123456", "asdasdasd", "asdf1234",
    "asdf123456", "asdfasdf", "asdfghjk", "asdfghjkl", "asdfghjkl1", "ashley123", "asshole1", "australia",
    "autumn2024", "autumn2025", "azerty12", "azerty123", "azertyuiop", "babyboy1", "babygirl", "babygirl1",
    "bailey123", "banana123", "barcelona", "barcelona1", "baseball", "baseball1", "basketball", "basketball1",
    "batman123", "benjamin", "bismillah", "blessed1", "blessing", "blueberry", "bullshit", "business", "buster123",
    "butterfly", "butterfly1", "california", "california1", "canada123", "carolina", "changeme", "changeme1",
    "changeme123", "charlie1", "charlie123", "cheese123", "chelsea1", "chelsea123", "chocolate", "chocolate1",
    "christian", "christopher", "company1", "company123", "computer", "computer1", "contrasena", "cookie123",
    "correcthorsebatterystaple", "corvette", "cowboys1", "cupcake1", "daniel123", "danielle1", "dearbook", "december",
    "december1", "december12", "default1", "diamond1", "dragon12", "dragon123", "elizabeth", "elizabeth1", "facebook",
    "facebook1", "february", "fernando", "ferrari1", "flower123", "football", "football1", "football12",
    "football123", "fortnite1", "francisco", "freedom1", "fuckyou1", "fuckyou123", "fuckyou2", "gabriela", "ganesha1",
    "ginger123", "godisgood", "goodluck", "google123", "guest123", "guest1234", "hallo123", "harley123", "hello123",
    "hello1234", "hellohello", "helloworld", "hockey123", "homeless", "hunter12", "hunter123", "ilovegod",
    "ilovejesus", "iloveyou", "iloveyou!", "iloveyou1", "iloveyou12", "iloveyou123", "iloveyou2", "india123",
    "indonesia", "internet", "internet1", "january1", "jennifer", "jennifer1", "jessica1", "jesus123", "jesuschrist",
    "jonathan", "jordan123", "jordan23", "juventus1", "killer123", "krishna1", "lakers24", "lastfm123", "letmein!",
    "letmein1", "letmein12", "letmein123", "letmeinplease", "linkedin", "linkedin1", "liverpool", "liverpool1",
    "login123", "london123", "lovelove", "loveme123", "lovers123", "loveyou1", "maggie123", "manchester", "manutd123",
    "marlboro", "master12", "master123", "matrix123", "matthew1", "mercedes", "metallica", "michael1", "michael123",
    "michelle", "michelle1", "microsoft", "midnight", "minecraft", "minecraft1", "mohammed", "monkey12", "monkey123",
    "motdepasse", "mountain", "muhammad", "mustang1", "mylove123", "mypassword", "mypassword1", "newpass1",
    "newpassword", "newyork1", "nicholas", "nintendo", "nirvana1", "nothing1", "november", "november1", "openopen",
    "opensesame", "orange123", "p@ssw0rd", "p@ssw0rd1", "p@ssword", "p@ssword1", "pa$$w0rd", "pa$$word", "pakistan",
    "pakistan1", "pass1234", "pass12345", "pass123456", "pass@123", "pass@word1", "passpass", "passpass1", "passw0rd",
    "passw0rd1", "password", "password!", "password0", "password01", "password1", "password1!", "password11",
    "password12", "password123", "password123!", "password1234", "password12345", "password123456", "password2",
    "password21", "password22", "password99", "passwort", "passwort1", "passwort123", "patricia", "pepper123",
    "phoenix1", "playstation", "pokemon1", "pokemon123", "porsche1", "princess", "princess1", "princess123",
    "purple123", "pussycat", "q1234567", "q12345678", "q123456789", "q1w2e3r4", "q1w2e3r4t5", "q1w2e3r4t5y6",
    "qazwsx123", "qazwsxedc", "qq123456", "qwe123456", "qwe123qwe", "qweasd123", "qweasdzxc", "qweqweqwe", "qwer1234",
    "qwerty1!", "qwerty12", "qwerty123", "qwerty123!", "qwerty1234", "qwerty12345", "qwerty123456", "qwertyui",
    "qwertyuiop", "rainbow1", "ranger123", "realmadrid", "remember", "response1", "roblox123", "root1234", "rootroot",
    "sairam123", "samantha", "samantha1", "samsung1", "samsung123", "schalke04", "scorpion", "secret12", "secret123",
    "secret1234", "security", "security1", "september", "september1", "shadow12", "shadow123", "shivshiv",
    "silver123", "slipknot1", "snoopy123", "soccer12", "soccer123", "something", "something1", "spiderman",
    "spiderman1", "spring2023", "spring2024", "spring2025", "starwars", "starwars1", "steelers", "stephanie",
    "strawberry", "summer123", "summer2020", "summer2021", "summer2022", "summer2023", "summer2024", "summer2025",
    "sunflower", "sunflower1", "sunshine", "sunshine1", "superman", "superman1", "superman123", "sweetheart",
    "swordfish", "temp1234", "temporary", "temppass", "temppassword", "test1234", "test12345", "test123456",
    "tester123", "testing1", "testing123", "testtest", "thisismypassword", "thunder1", "tigger123", "tinkerbell",
    "toor1234", "trustno1", "trustnoone", "user1234", "user12345", "valentina", "veronica", "victoria", "waheguru",
    "welcome1", "welcome1!", "welcome12", "welcome123", "welcome@123", "whatever", "whatever1", "whatever123",
    "william1", "windows10", "winter123", "winter2020", "winter2021", "winter2022", "winter2023", "winter2024",
    "winter2025", "woaini123", "woaini1314", "woaini520", "wodemima", "xxxxxxxx", "yankees1", "yellow123", "z1234567",
    "zaq12wsx", "zaq1@wsx", "zaq1zaq1", "zxc123456", "zxcv1234", "zxcvbnm,", "zxcvbnm1", "zxcvbnm123", "zzzzzzzz",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_folded_and_long_enough_to_matter() {
        assert!(COMMON.is_sorted_by(|a, b| a < b));
        for word in COMMON {
            assert!(word.chars().count() >= crate::password::MIN_CHARS, "{word}");
            assert_eq!(*word, word.to_lowercase());
        }
    }

    #[test]
    fn finds_the_first_the_last_and_no_other() {
        for word in ["password", "12345678", "qwertyuiop", "zzzzzzzz", COMMON[0]] {
            assert!(is_common(word), "{word}");
        }
        assert!(!is_common("doorward-dev-password"));
        assert!(!is_common(""));
    }
}
