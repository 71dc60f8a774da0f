"""The names, firms, places and headers that the sample world is made of. All of it is invented."""

from __future__ import annotations


def listed(text: str) -> list[str]:
    """The parts of a text between semicolons."""
    return [" ".join(part.split()) for part in text.split(";")]


FIRST = """
Ada Alan Alice Amir Anna Anthony Barbara Beatrice Benjamin Bruno Carla Caroline Catherine Charles Christopher Clara
Daniel David Deborah Diego Dorothy Edward Eleanor Elizabeth Emma Eric Esther Fatima Felix Frances Frederick Gabriel
George Grace Gregory Hannah Harold Helen Henry Ingrid Irene Isaac Jacob James Janet Jasmine Jeffrey Jennifer Joanna
Jonathan Joseph Joshua Judith Julia Karen Kenneth Laura Lawrence Leonard Lillian Linda Louise Lucas Margaret Maria
Martin Matthew Michael Miriam Nadia Natalie Nathaniel Nicholas Nora Olivia Oscar Pamela Patricia Patrick Peter
Philip Rachel Raymond Rebecca Richard Robert Rosa Ruth Samuel Sandra Sarah Simon Sofia Stephen Susan Theodore
Theresa Thomas Timothy Victoria Vincent Walter William Zoe
""".split()
LAST = """
Abbott Achterberg Adeyemi Albrecht Almeida Andersen Archer Ashworth Atkinson Baptiste Barlow Beaumont Bergström
Blackwood Bloom Bonetti Bradford Brannigan Brooks Brückner Calloway Cardoso Carver Castellano Chandler Chowdhury
Conway Crawford Dahl Dalton Delacroix Delgado Devereux Donnelly Drummond Ellsworth Engel Escobar Fairchild Falk
Ferreira Finch Fitzgerald Fontaine Forsyth Gallagher Garrison Goldstein Granger Greenwood Guerrero Haddad Halloran
Hargrove Harlow Hawthorne Hendricks Holloway Hutchins Ibrahim Iverson Jankowski Jensen Kapoor Kessler Kingsley
Kowalski Lachance Langford Larsson Lindqvist Lockhart MacAllister Maddox Mancini Marlowe Mbeki McKenna Mercer
Moreau Müller Nakamura Nightingale Norwood Novak O'Brien O'Donnell Oakley Okafor Olsen Ortega Osborne Pemberton
Petrov Pickering Quintero Radcliffe Ramsey Redmond Reyes Rosenthal Rutherford Sandoval Schneider Shapiro Sinclair
Sørensen Stanhope Sutherland Takahashi Thackeray Underwood Valentine Vandermeer Vargas Villanueva Wainwright
Weatherby Whitaker Winslow Woodward Yamamoto Zielinski
""".split()
NICKNAMES = {
    "Alexander": "Alex",
    "Anthony": "Tony",
    "Benjamin": "Ben",
    "Catherine": "Cathy",
    "Charles": "Charlie",
    "Christopher": "Chris",
    "Daniel": "Dan",
    "David": "Dave",
    "Deborah": "Debbie",
    "Edward": "Ed",
    "Elizabeth": "Liz",
    "Frederick": "Fred",
    "Gregory": "Greg",
    "James": "Jim",
    "Jeffrey": "Jeff",
    "Jennifer": "Jen",
    "Jonathan": "Jon",
    "Joseph": "Joe",
    "Joshua": "Josh",
    "Kenneth": "Ken",
    "Lawrence": "Larry",
    "Leonard": "Len",
    "Margaret": "Peggy",
    "Matthew": "Matt",
    "Michael": "Mike",
    "Nathaniel": "Nate",
    "Nicholas": "Nick",
    "Pamela": "Pam",
    "Patricia": "Patty",
    "Philip": "Phil",
    "Rebecca": "Becky",
    "Richard": "Dick",
    "Robert": "Bob",
    "Samuel": "Sam",
    "Stephen": "Steve",
    "Susan": "Sue",
    "Theodore": "Ted",
    "Thomas": "Tom",
    "Timothy": "Tim",
    "Walter": "Walt",
    "William": "Bill",
}
TITLES = listed("""
Account Manager; Architect; Bookkeeper; Buyer; Consultant; Designer; Director; Engineer; Office Manager;
Owner; Photographer; Producer; Teacher; Technician; Translator
""")
FIRMS = """Amberline Logistics;Bellwether Books;Bluefin Analytics;Brightwater Dental;Cobalt Studio;Copperfield Catering;Drift & Anchor;
Evergreen Landscaping;Fernhill Bakery;Foxglove Interiors;Granite Peak Outfitters;Harbor Light Films;Hollow Oak Furniture;Ironbridge Software;
Juniper Travel;Kestrel Aviation;Larkspur Events;Lighthouse Legal;Maple & Main;Northgate Clinic;Orchard Lane School;Paper Crane Press;
Quarry Street Gym;Redwood Realty;Saltmarsh Brewery;Silverbirch Insurance;Thistle & Thread;Tidewater Marine;Umbra Lighting;Wrenfield Farms""".replace(
    "\n", ""
).split(";")
FREE = ["postbox.example", "quickmail.example", "letterbox.example"]
CITIES = [
    ("New York", "NY", "New York", "100", "212"),
    ("Boston", "MA", "Massachusetts", "021", "617"),
    ("Portland", "OR", "Oregon", "972", "503"),
    ("Denver", "CO", "Colorado", "802", "303"),
    ("Austin", "TX", "Texas", "787", "512"),
    ("Seattle", "WA", "Washington", "981", "206"),
    ("Chicago", "IL", "Illinois", "606", "312"),
    ("Savannah", "GA", "Georgia", "314", "912"),
]
STREETS = listed("""
Alder Street; Beacon Avenue; Cedar Road; Dogwood Lane; Elm Street; Franklin Avenue; Garden Court; Hillcrest
Drive; Juniper Road; Kensington Place; Lakeview Drive; Mulberry Street; Orchard Road; Prospect Avenue;
Sycamore Lane
""")
TAGS = ["VIP", "Newsletter", "Rotary", "Supplier", "Open house", "Summer sale"]

WIX = listed("""
First Name; Last Name; Email 1; Email 2; Phone 1; Phone 2; Address 1 - Type; Address 1 - Street; Address 1 -
Street Line 2; Address 1 - City; Address 1 - State/Region; Address 1 - Zip; Address 1 - Country; Company;
Position; Labels; Created At (UTC+0); Email subscriber status; SMS subscriber status; Last Activity; Last
Activity Date (UTC+0); Source; Language; Message
""")
HUBSPOT = listed("""
Record ID; First Name; Last Name; Email; Phone Number; Mobile Phone Number; Contact owner; Lead Status; Create
Date; Last Modified Date; Lifecycle Stage; Job Title; Company Name; Street Address; City; State/Region; Postal
Code; Country/Region; Additional email addresses; Unsubscribed from all email
""")
GOOGLE = listed("""
First Name; Middle Name; Last Name; Phonetic First Name; Phonetic Middle Name; Phonetic Last Name; Name
Prefix; Name Suffix; Nickname; File As; Organization Name; Organization Title; Organization Department;
Birthday; Notes; Photo; Labels; E-mail 1 - Label; E-mail 1 - Value; E-mail 2 - Label; E-mail 2 - Value; Phone
1 - Label; Phone 1 - Value; Phone 2 - Label; Phone 2 - Value; Address 1 - Label; Address 1 - Formatted;
Address 1 - Street; Address 1 - City; Address 1 - PO Box; Address 1 - Region; Address 1 - Postal Code; Address
1 - Country; Address 1 - Extended Address
""")
MAILCHIMP = listed("""
Email Address; First Name; Last Name; Phone Number; Birthday; MEMBER_RATING; OPTIN_TIME; OPTIN_IP;
CONFIRM_TIME; CONFIRM_IP; LATITUDE; LONGITUDE; GMTOFF; DSTOFF; TIMEZONE; CC; REGION; LAST_CHANGED; LEID; EUID;
NOTES; TAGS; UNSUB_TIME
""")
